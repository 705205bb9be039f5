"""Reads Parquet a row group at a time: memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.errors import DataError


def row_groups(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of a Parquet file; an empty table where it has none.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            if not file.num_row_groups:
                empty = file.schema_arrow.empty_table()
                yield empty if columns is None else empty.select(list(columns))
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path}: it is missing or damaged") from error
