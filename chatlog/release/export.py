"""From a finished run to a release folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.engine.intake import planned_shards
from chatlog.engine.run import pipeline_of
from chatlog.engine.status import stage_status
from chatlog.engine.store import dump_json, write_bytes
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.pipeline import Pipeline, plan
from chatlog.query import connect, first_line, release_queries
from chatlog.release.checksums import write_checksums
from chatlog.release.describe import describe
from chatlog.release.provenance import PROVENANCE, provenance
from chatlog.release.rescan import refuse_identifiers
from chatlog.schema import PUBLISHED

_ROW_GROUP: Final = 1_000
"""Rows of a row group: small, so that the Hub's viewer and streaming readers fetch little."""


@dataclass(frozen=True)
class Release:
    """What was exported.

    Attributes:
        folder: where it lies.
        released: conversations in it.
        dropped: conversations left out, by reason.
        files: Parquet files, relative to the folder.
    """

    folder: Path
    released: int
    dropped: dict[str, int]
    files: list[str]


def export(root: str | Path, out: str | Path) -> Release:
    """Writes the release of a finished run to the folder `out`, whole or not at all.

    A release that lies there already is replaced.

    Raises:
        ConfigError: no run, no [release] in its pipeline, stages left to run, `out` is something else,
            or the release query fails.
        ReleaseRefused: `messages` was last written by something other than `redact`, the accounts do
            not balance, or an identifier with a valid checksum is left.
    """
    run, pipeline = pipeline_of(root)
    spec = pipeline.release
    if spec is None:
        raise ConfigError(f"the pipeline {pipeline.name} has no [release]; add one that names `select` and `card`")
    planned = plan(pipeline)
    if planned.writers["messages"] != "redact":
        raise ReleaseRefused(
            f"the last stage that wrote `messages` is {planned.writers['messages']}, not redact: put redact last among "
            "those that write it"
        )
    left = {item.stage: item.left for item in stage_status(run, pipeline, planned.steps) if item.left}
    if left or not planned_shards(run):
        missing = ", ".join(f"{stage} ({count} shards)" for stage, count in left.items()) or "ingest"
        raise ConfigError(f"{run.root} is not finished: {missing} left; run the pipeline again first")
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()) and not (folder / PROVENANCE).exists():
        raise ConfigError(f"{folder} exists and is not a release; give a folder that is empty or new")
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    try:
        with connect(root) as connection:
            dropped = _decide(connection)
            released = dropped.pop("", 0)
            files = _write_data(connection, pipeline, planned_shards(run), released, partial)
            told = provenance(run, pipeline, planned, connection, released, dropped, files)
            write_bytes(partial / PROVENANCE, dump_json(told))
            describe(connection, spec, told, partial)
        write_checksums(partial)
        _put_in_place(partial, folder)
    except duckdb.Error as error:
        raise ConfigError(f"the release query {spec.select.name} failed: {first_line(error)}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Release(folder, released, dropped, files)


def _decide(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Conversations by the reason of their dropping, '' for the released ones, once all are accounted for."""
    connection.execute("CREATE TEMP TABLE decided AS SELECT row_id, reason FROM decisions")
    rows = _number(connection, "SELECT count(*) FROM conversations")
    decided = _number(connection, "SELECT count(*) FROM decided")
    known = _number(connection, "SELECT count(DISTINCT row_id) FROM decided JOIN conversations USING (row_id)")
    if not rows == decided == known:
        raise ReleaseRefused(
            f"the release query decides on {decided} rows, {known} of them distinct ones of the run, which has "
            f"{rows}: `decide` should return each row_id once"
        )
    reasons = connection.execute(
        "SELECT coalesce(reason, ''), count(*) FROM decided GROUP BY 1 ORDER BY count(*) DESC, 1"
    ).fetchall()
    return {reason: int(count) for reason, count in reasons}


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def _write_data(
    connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, shards: int, released: int, folder: Path
) -> list[str]:
    assert pipeline.release is not None
    size = pipeline.release.shard_rows
    count = max(1, -(-released // size))
    names = [f"data/train-{index:05d}-of-{count:05d}.parquet" for index in range(count)]
    written = 0
    for name, table in zip(names, _in_runs(_published(connection, pipeline, shards), size), strict=True):
        refuse_identifiers(table)
        with (folder / name).open("wb") as stream:
            pq.write_table(
                table, stream, compression="zstd", compression_level=6, row_group_size=_ROW_GROUP, write_page_index=True
            )
        written += table.num_rows
    if written != released:
        raise ReleaseRefused(f"`decide` releases {released} conversations, `publish` returned {written}")
    return names


def _published(connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, shards: int) -> Iterator[pa.Table]:
    """What `publish` makes of each run shard's released rows: flat memory however large the run is."""
    assert pipeline.release is not None
    _, publish = release_queries(pipeline.release.select)
    target = PUBLISHED[pipeline.release.format]
    for shard in range(shards):
        low, high = shard << 32, (shard + 1) << 32
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW released AS SELECT c.* FROM conversations AS c JOIN decided AS d "
            f"ON c.row_id = d.row_id WHERE d.reason IS NULL AND c.row_id >= {low} AND c.row_id < {high} "
            f"AND d.row_id >= {low} AND d.row_id < {high}"
        )
        table = connection.sql(publish).to_arrow_table()
        yield _in_schema(table, target, pipeline.release.select)


def _in_schema(table: pa.Table, target: pa.Schema, query: Path) -> pa.Table:
    """The published columns under the format's exact types, then the flat ones as they are."""
    missing = [name for name in target.names if name not in table.column_names]
    if missing:
        raise ConfigError(f"{query.name}: `publish` lacks the columns {', '.join(missing)} of the format")
    extra = [field for field in table.schema if field.name not in target.names]
    try:
        return table.select([*target.names, *(field.name for field in extra)]).cast(pa.schema([*target, *extra]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise ConfigError(
            f"{query.name}: `publish` returns a column of another type than the format's: {type(error).__name__}"
        ) from error


def _in_runs(tables: Iterator[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows of the tables in runs of `size`; at least one, perhaps empty, table."""
    waiting: list[pa.Table] = []
    rows = 0
    given = False
    last: pa.Table | None = None
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        last = table
        while rows >= size:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, size)
            given = True
            waiting, rows = [whole.slice(size)], rows - size
    if rows or (not given and last is not None):
        yield pa.concat_tables(waiting)


def _put_in_place(partial: Path, folder: Path) -> None:
    old = folder.parent / f".{folder.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
