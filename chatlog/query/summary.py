"""What is worked out once and kept in RUN/summary: a row of figures a conversation, and the release's decisions.

Most questions need no texts, yet their figures (turns, lengths, refusals, categories) come from texts. A shard's
figures take a fraction of a second to work out, a million conversations' half a minute; kept, they answer in
milliseconds. They are kept under a key of all that they were made from: the SQL itself, and of each part file the
sidecar's SHA-256, the size and the time of writing. Where the key does not fit, nothing kept is read: the views are
then the queries themselves, which give the same rows and take longer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from chatlog.assets import asset
from chatlog.engine.identity import digest
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run, private, write_table
from chatlog.errors import DataError
from chatlog.pipeline import INGEST
from chatlog.query.figures import SUMMARY
from chatlog.query.limits import lock_down
from chatlog.query.types import first_line
from chatlog.query.views import (
    Parts,
    Spell,
    derive,
    joined,
    live_decisions,
    make_views,
    over_files,
    parts_of,
    stage_views,
)
from chatlog.stage import GlobalStage
from chatlog.stages import STAGES

FOLDER: Final = "summary"
_DECISIONS: Final = "decisions"


def memo_files(parts: Parts) -> list[Path]:
    """The files that `summary` and `decisions` may read, whether or not they are there."""
    figures = [parts.run.root / FOLDER / f"{_part(shard)}.parquet" for shard in parts.done[INGEST]]
    return [*figures, parts.run.side(FOLDER, _DECISIONS)]


def add_memos(connection: duckdb.DuckDBPyConnection, parts: Parts, spell: Spell = str) -> None:
    """Makes the views `summary` and `decisions`, over what is kept where that is fresh.

    On a connection that is locked down: a release query is a stranger's, and is bound as its view is made.
    """
    summary, decisions = fresh_summary(parts), fresh_decisions(parts)
    connection.execute(over_files(FOLDER, summary, spell) if summary else f"CREATE VIEW {FOLDER} AS {SUMMARY}")
    live = live_decisions(parts.pipeline)
    connection.execute(
        over_files(_DECISIONS, [decisions], spell) if decisions else f"CREATE VIEW {_DECISIONS} AS {live}"
    )


def fresh_summary(parts: Parts) -> list[Path] | None:
    """The kept files of all shards; None when one is missing or stale, or there are no shards."""
    shards = parts.done[INGEST]
    if not shards or not all(_kept(parts.run, _part(shard), _shard_key(parts, shard)) for shard in shards):
        return None
    return memo_files(parts)[:-1]


def fresh_decisions(parts: Parts) -> Path | None:
    """The kept decisions; None when they are missing or stale."""
    if parts.pipeline.release is None or not _kept(parts.run, _DECISIONS, _decisions_key(parts)):
        return None
    return parts.run.side(FOLDER, _DECISIONS)


def keep_summary(root: str | Path, told: Callable[[str], None] = lambda line: None) -> None:
    """Makes what is missing or stale of the figures of each conversation. `told` hears a line when there is work.

    Raises:
        ConfigError: no run.
        DataError: the folder cannot be written, or a part file is damaged.
    """
    run, pipeline = pipeline_of(root)
    parts = parts_of(run, pipeline)
    keys = {shard: _shard_key(parts, shard) for shard in parts.done[INGEST]}
    stale = [shard for shard, key in keys.items() if not _kept(run, _part(shard), key)]
    if stale:
        told(f"reading the conversations of {len(stale)} of {len(keys)} shards once, for the figures in summary")
    with _writing(run), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda shard: _keep_shard(parts, shard, keys[shard]), stale))
    for path in (run.root / FOLDER).glob("figures-*"):
        if path.stem not in {_part(shard) for shard in keys}:
            path.unlink(missing_ok=True)


def keep_decisions(root: str | Path, told: Callable[[str], None] = lambda line: None) -> None:
    """Makes the decisions of the release query anew when they are missing or stale; raises as keep_summary does."""
    run, pipeline = pipeline_of(root)
    parts = parts_of(run, pipeline)
    if pipeline.release is None or fresh_decisions(parts):
        return
    told("asking the release query about all conversations once, for decisions")
    key = _decisions_key(parts)
    with _writing(run), duckdb.connect() as connection:
        files = make_views(connection, parts)
        lock_down(connection, [*files, *memo_files(parts)], run.root / "tmp")
        add_memos(connection, parts)
        derive(connection)
        table = connection.sql("FROM decisions").to_arrow_table()
        _keep(run, _DECISIONS, key, table)


def forget_summary(run: Run) -> None:
    """Removes all that is kept here; it is made again when a query asks for it."""
    for path in (run.root / FOLDER).glob("*.*"):
        path.unlink(missing_ok=True)


@contextmanager
def _writing(run: Run) -> Iterator[None]:
    with private():
        try:
            yield
        except duckdb.Error as error:
            raise DataError(f"cannot open the run {run.root}: {first_line(error)}") from error


def _keep_shard(parts: Parts, shard: int, key: str) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        stage_views(connection, parts.only(shard))
        table = connection.sql(f"SELECT * FROM ({SUMMARY}) ORDER BY row_id").to_arrow_table()
    _keep(parts.run, _part(shard), key, table)


def _keep(run: Run, name: str, key: str, table: pa.Table) -> None:
    with suppress(OSError):  # a folder that cannot be written is told by what follows
        (run.root / FOLDER / f"{name}.json").unlink()
    made = write_table(run.root / FOLDER / f"{name}.parquet", table)
    run.write_json(f"{FOLDER}/{name}.json", {"key": key, "rows": table.num_rows, **made})


def _kept(run: Run, name: str, key: str) -> bool:
    path = run.root / FOLDER / f"{name}.json"
    if not path.exists():
        return False
    told = run.read_json(f"{FOLDER}/{name}.json") or {}
    parquet = path.with_suffix(".parquet")
    return told.get("key") == key and parquet.exists() and parquet.stat().st_size == told.get("bytes")


def _part(shard: int) -> str:
    # Not "part-": to forget someone removes all tables of a run that are no parts.
    return f"figures-{shard:05d}"


def _shard_key(parts: Parts, shard: int) -> str:
    stages = [INGEST, *joined(parts.planned, parts.pipeline.writers())]
    return digest([SUMMARY, parts.pipeline.writers(), [_state(parts, stage, shard) for stage in stages]])


def _decisions_key(parts: Parts) -> str:
    # A release query may read any view, so all files count.
    states = [_state(parts, stage, shard) for stage in parts.done for shard in range(parts.shards)]
    files = [parts.run.rejects(shard) for shard in range(parts.shards)] + [parts.run.root / "pii_canaries.json"]
    files += [
        parts.run.side(stage.name, name) for stage in STAGES if isinstance(stage, GlobalStage) for name, _ in stage.side
    ]
    views = asset("sql/views.sql").read_text(encoding="utf-8")
    return digest([live_decisions(parts.pipeline), views, SUMMARY, states, [_stamp(path) for path in files]])


def _state(parts: Parts, stage: str, shard: int) -> list[Any] | None:
    sidecar = parts.run.read_sidecar(stage, shard)
    return [stage, shard, sidecar.get("sha256"), *_stamp(parts.run.part(stage, shard))] if sidecar else None


def _stamp(path: Path) -> list[int]:
    """Size and time of writing; empty when the file is not there."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]
