"""Whether lineage.parquet, the data files and the accounts of a release tell the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chatlog.errors import DataError
from chatlog.release.formats import FORMATS
from chatlog.release.lineage import LINEAGE
from chatlog.release.row_groups import row_groups


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        ok: whether it holds.
        detail: the figures that were compared.
    """

    name: str
    ok: bool
    detail: str


def of_lineage(root: Path, told: Mapping[str, Any]) -> Iterator[Check]:
    """The checks of a release's lineage against its data files and the accounts `told` in provenance.json."""
    counts = told["counts"]
    reasons: Counter[str] = Counter()
    released: list[dict[str, int]] = [{} for _ in told["files"]]
    rows = lost = 0
    try:
        for table in row_groups(root / LINEAGE, ["id", "file", "reason", "published"]):
            rows += len(table)
            reasons.update(table["reason"].drop_null().to_pylist())
            kept = table.filter(pc.is_null(table["reason"]))
            lost += kept.filter(pc.or_(pc.is_null(kept["file"]), pc.is_null(kept["published"]))).num_rows
            for id_, file in zip(kept["id"].to_pylist(), kept["file"].to_pylist(), strict=True):
                if file is not None and file < len(released):
                    released[file][id_] = released[file].get(id_, 0) + 1
        each_row = FORMATS[told["format"]].conversations_a_row
        wrong = [
            name
            for name, found in zip(told["files"], released, strict=True)
            if _ids(root / name, told["format"], each_row) != found
        ]
    except DataError as error:
        yield Check("lineage can be read", False, str(error))
        return
    yield Check("lineage tells of every row", rows == counts["rows"], f"{rows} of {counts['rows']}")
    yield Check("reasons of lineage", dict(reasons) == counts["dropped"], f"{sum(reasons.values())} rows left out")
    yield Check(
        "lineage names the rows of every file",
        not wrong and not lost,
        f"others in {', '.join(wrong)}" if wrong else f"{lost} without a file" if lost else f"{len(released)} files",
    )


def _ids(path: Path, published: str, each_row: int) -> dict[str, int]:
    """Published ids of a data file, with the conversations that each tells."""
    column = FORMATS[published].id
    tables = list(row_groups(path, [column]))
    ids = pa.concat_tables(tables)[column].to_pylist() if tables else []
    return {id_: count * each_row for id_, count in Counter(ids).items()}
