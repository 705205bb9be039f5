"""Rows of Parquet tables as records, whatever types their columns have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from chatlog.errors import DataError
from chatlog.sources.framing import Raw

_BATCH_ROWS: Final = 2_000
_BATCH_BYTES: Final = 16 << 20
"""Rows that are decoded at a time: so many, or so many bytes by the table's own account."""

_BUFFER: Final = 1 << 20

_NO_VALUE: Final = (ValueError, OverflowError, LookupError, TypeError, ArithmeticError, pa.ArrowException)
"""What Arrow raises for a value that Python cannot hold: text that is no UTF-8, a year past 9999, an unknown zone."""


def size_of(path: Path) -> tuple[int, int]:
    """(rows, bytes of them before compression) of a Parquet file, by its footer.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
        return footer.num_rows, sum(footer.row_group(at).total_byte_size for at in range(footer.num_row_groups))
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} begins like Parquet, but its footer cannot be read: it is damaged or cut off"
        ) from error


def table_rows(path: Path, start: int, end: int) -> Iterator[tuple[int, Any]]:
    """(row number, the row as a dict) of a range of rows.

    A row that Python has no value for (text that is not UTF-8, a year past 9999) comes as `Raw`,
    as JSON that holds its bytes and numbers as they are.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow.parquet as pq

    rows, size = size_of(path)
    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))
    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER) as file:
            groups, at = _groups(file, start, end)
            for batch in file.iter_batches(batch_size=batch_rows, row_groups=groups):
                lo, hi = max(start - at, 0), min(end - at, batch.num_rows)
                if lo < hi:
                    yield from enumerate(_values(batch.slice(lo, hi - lo), at + lo), start=at + lo)
                at += batch.num_rows
                if at >= end:
                    return
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read rows {start} to {end} of {path}: the file is damaged, or changed") from error


def _groups(file: Any, start: int, end: int) -> tuple[list[int], int]:
    """The row groups that hold a range of rows, and the number of the first row in them."""
    found: list[int] = []
    first = at = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if at + rows > start and at < end:
            first = first if found else at
            found.append(group)
        at += rows
    return found, first


def _values(batch: pa.RecordBatch, first: int) -> list[Any]:
    batch = batch.rename_columns(_distinct(batch.schema.names))
    try:
        values: list[Any] = batch.to_pylist()
    except Exception:  # any of several, by the type of the column; row by row, most of them can be had
        values = [_value(batch.slice(at, 1), first + at) for at in range(batch.num_rows)]
    return values


def _distinct(names: list[str]) -> list[str]:
    """The names of columns, those that stand twice numbered: a dict would keep the last of them alone."""
    if len(set(names)) == len(names):
        return names
    seen: set[str] = set()
    for at, name in enumerate(names):
        number, new = 2, name
        while new in seen:
            new, number = f"{name}#{number}", number + 1
        seen.add(new)
        names[at] = new
    return names


def _value(row: pa.RecordBatch, number: int) -> Any:
    value: dict[str, Any] = {}
    whole = True
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            value[name] = column.to_pylist()[0]
        except _NO_VALUE:
            whole = False
            value[name] = _stored(column)
    if whole:
        return value
    text = json.dumps(value, ensure_ascii=False, default=_text)
    return Raw(number, text.encode("utf-8", "surrogateescape"))


def _stored(column: pa.Array) -> Any:
    """The value of a column of one row as the file stores it: bytes for texts, numbers for times."""
    try:
        return column.cast(_storage(column.type)).to_pylist()[0]
    except _NO_VALUE:
        return f"a value that cannot be read, of type {column.type}"


def _storage(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return pa.int32()
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind) or pa.types.is_time64(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_storage(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_storage(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _storage(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_storage(kind.key_type), _storage(kind.item_type))
    return _storage(kind.value_type) if pa.types.is_dictionary(kind) else kind


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
