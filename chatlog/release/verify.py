"""`chatlog verify`: whether a release is what it says it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chatlog.errors import DataError, ReleaseRefused
from chatlog.models.weights import sha256_file
from chatlog.release.checksums import files_of, read_checksums
from chatlog.release.formats import FORMATS
from chatlog.release.lineage_check import Check, of_lineage
from chatlog.release.provenance import PROVENANCE, read_provenance
from chatlog.release.rescan import identifiers
from chatlog.release.rescan import told as told_of
from chatlog.release.row_groups import row_groups


def verify(folder: str | Path, run: str | Path | None = None, recipe: str | Path | None = None) -> list[Check]:
    """Every check of a release; with `run`, its accounts against the run's own files, and the run released once more.

    Args:
        folder: the release.
        run: the run folder that it was made from.
        recipe: the pipeline file whose [release] it was exported by, where that is not the run's own.

    Raises:
        ConfigError: the run is not finished, or the recipe does not fit it.
        DataError: the folder is no release at all.
    """
    root = Path(folder)
    told = read_provenance(root)
    counts = told["counts"]
    checks = [_checksums(root)]
    tables = [root / name for name in told["files"]]
    rows, faults, left = _data(tables, told["format"])
    dropped = sum(counts["dropped"].values())
    told_a_row = FORMATS[told["format"]].conversations_a_row
    checks += [
        Check("columns and types are those of the format", not faults, "; ".join(faults) or told["format"]),
        Check(
            "no identifier with a valid checksum", not left, told_of(left) if left else f"none in {rows} conversations"
        ),
        _equal(
            "records = rows + rejects + forgotten",
            counts["records"],
            counts["rows"] + counts["rejects"] + counts["forgotten"],
            f"{counts['records']} = {counts['rows']} + {counts['rejects']} + {counts['forgotten']}",
        ),
        _equal(
            "rejects = sum of reasons",
            counts["rejects"],
            sum(told["reject_reasons"].values()),
            _reasons(told["reject_reasons"]),
        ),
        _equal(
            "rows = released + dropped",
            counts["rows"],
            counts["released"] + dropped,
            f"{counts['rows']} = {counts['released']} + {dropped} ({_reasons(counts['dropped'])})",
        ),
        _equal("rows in the files = released", rows * told_a_row, counts["released"], _held(rows, told_a_row, counts)),
    ]
    checks += of_lineage(root, told)
    if run is not None:
        checks += _against_run(told, run, recipe)
        checks.append(_released_again(root, run, recipe))
    return checks


def _equal(name: str, left: int, right: int, detail: str) -> Check:
    return Check(name, left == right, detail)


def _held(rows: int, told_a_row: int, counts: dict[str, Any]) -> str:
    return f"{rows}{f' x {told_a_row}' if told_a_row > 1 else ''} = {counts['released']}"


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(reasons.items())) or "none"


def _checksums(root: Path) -> Check:
    expected = read_checksums(root)
    found = {name: sha256_file(path) for name, path in files_of(root)}
    wrong = [name for name in expected if name in found and found[name] != expected[name]]
    gone = [name for name in expected if name not in found]
    new = [name for name in found if name not in expected]
    told = [
        f"{what}: {', '.join(names)}"
        for what, names in (("changed", wrong), ("missing", gone), ("not listed", new))
        if names
    ]
    return Check("checksums", not told, "; ".join(told) or f"{len(expected)} files")


def _data(paths: list[Path], published: str) -> tuple[int, list[str], list[tuple[str, str]]]:
    """Rows, faults of form, and identifiers left, over all data files, a row group at a time."""
    known = FORMATS[published]
    rows = 0
    left: list[tuple[str, str]] = []
    faults: dict[str, None] = {}
    for path in paths:
        try:
            for table in row_groups(path):
                rows += table.num_rows
                faults |= dict.fromkeys(known.faults(table))
                if known.id in table.column_names:
                    left += identifiers(table, known.id)
        except DataError:
            faults[f"{path.name} cannot be read"] = None
    return rows, list(faults), left


def _against_run(told: dict[str, Any], run: str | Path, recipe: str | Path | None) -> Iterator[Check]:
    """Counts of the release's provenance against the Parquet files of the run."""
    from chatlog.query import connect, rows_of
    from chatlog.release.export import finished

    with connect(run, release=finished(run, recipe).spec) as connection:
        (found,) = rows_of(
            connection,
            "SELECT (SELECT count(*) FROM conversations) AS rows, (SELECT count(*) FROM rejects) AS rejects, "
            "(SELECT coalesce(sum(records), 0)::BIGINT FROM stages WHERE stage = 'ingest') AS records, "
            "(SELECT count(*) FROM decisions WHERE reason IS NULL) AS released",
        )
        dropped = rows_of(
            connection, "SELECT reason, count(*) AS n FROM decisions WHERE reason IS NOT NULL GROUP BY reason"
        )
    for name, value in found.items():
        yield _equal(
            f"{name} of the run", value, told["counts"][name], f"{value} in the run, {told['counts'][name]} told"
        )
    by_reason = {row["reason"]: row["n"] for row in dropped}
    yield Check("reasons of the run", by_reason == told["counts"]["dropped"], _reasons(by_reason))


def _released_again(root: Path, run: str | Path, recipe: str | Path | None) -> Check:
    """Whether the run, released once more, gives the same files."""
    from chatlog.release.export import export

    name = "the run, released again, gives the same files"
    with tempfile.TemporaryDirectory(prefix=".verify-", dir=run) as scratch:
        try:
            export(run, Path(scratch) / "release", recipe)
        except ReleaseRefused as error:
            return Check(name, False, f"the run would be refused now: {error}")
        made, here = read_checksums(Path(scratch) / "release"), read_checksums(root)
        told = [_without_code(read_provenance(folder)) for folder in (Path(scratch) / "release", root)]
    others = [file for file in sorted({*made, *here}) if made.get(file) != here.get(file) and file != PROVENANCE]
    if told[0] != told[1]:
        keys = sorted(key for key in {*told[0], *told[1]} if told[0].get(key) != told[1].get(key))
        others.append(f"{PROVENANCE} ({', '.join(keys)})")
    return Check(name, not others, f"other ones: {', '.join(others)}" if others else f"{len(here)} files")


def _without_code(told: dict[str, Any]) -> dict[str, Any]:
    """Provenance without what the export ran on, which may be another machine now."""
    return {key: value for key, value in told.items() if key != "exported_by"}
