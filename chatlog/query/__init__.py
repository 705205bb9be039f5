"""DuckDB over a run: views of what the stages wrote, read-only and shut off from everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError, DataError
from chatlog.query.limits import MEMORY, failed, lock_down, within
from chatlog.query.release_file import release_queries
from chatlog.query.summary import add_memos, memo_files
from chatlog.query.types import first_line
from chatlog.query.views import HIDDEN, derive, make_views, parts_of
from chatlog.settings import ReleaseSpec

__all__ = [
    "HIDDEN",
    "connect",
    "dicts",
    "failed",
    "first_line",
    "only_reads",
    "release_queries",
    "rows_of",
    "select",
    "within",
]


@contextmanager
def connect(
    root: str | Path,
    *,
    memory: str = MEMORY,
    threads: int | None = None,
    release: ReleaseSpec | None = None,
    writes: Path | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the views of a run.

    Views: conversations, summary (conversations without their texts, with figures of them), messages, pii,
    contamination, topics, rejects, stages, funnel, decisions (row_id, reason), embeddings (row_id, embedding),
    canaries (what `chatlog pii --canaries` measured). The connection can read the run's Parquet files and no others.

    Args:
        root: the run folder.
        memory: DuckDB's limit.
        threads: DuckDB's; all cores for None.
        release: a [release] that takes the place of the pipeline's own in `decisions`.
        writes: the one file that COPY can write.

    Raises:
        ConfigError: the folder holds no run, [release] does not fit it, or `memory` is no size.
        DataError: a part file is damaged.
    """
    run, pipeline = pipeline_of(root)
    if release is not None:
        pipeline = replace(pipeline, release=release)
    with duckdb.connect() as connection:
        try:
            parts = parts_of(run, pipeline)
            files = [*make_views(connection, parts), *memo_files(parts), *([writes] if writes else [])]
            lock_down(connection, files, run.root / "tmp", memory=memory, threads=threads)
            add_memos(connection, parts)
            derive(connection)
        except duckdb.Error as error:
            raise DataError(f"cannot open the run {run.root}: {first_line(error)}") from error
        yield connection


def select(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
    """Runs one query that reads.

    Raises:
        ConfigError: it is not SQL, it is more than one statement, it does something other than
            read, a name in it is not known, or it needs more memory than it may hold.
    """
    try:
        only_reads(connection, query)
        return connection.execute(query)
    except duckdb.InterruptException:
        raise  # told by `within`, which knows after how long
    except duckdb.Error as error:
        raise failed(error) from error


def only_reads(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Nothing, when the text is one statement that reads.

    Raises:
        ConfigError: it is not.
        duckdb.Error: it is not SQL.
    """
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise ConfigError(f"expected one SQL statement, found {len(statements)}")
    kind = statements[0].type
    explained = re.sub(r"^\s*explain(\s+analyze)?\s", "", query, flags=re.IGNORECASE)
    if kind == duckdb.StatementType.EXPLAIN and len(explained) < len(query):
        kind = connection.extract_statements(explained)[0].type
    if kind != duckdb.StatementType.SELECT:
        raise ConfigError(f"only queries that read are run here, found {kind.name}")


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries; raises as select does."""
    return dicts(select(connection, query))


def dicts(cursor: duckdb.DuckDBPyConnection, most: int | None = None) -> list[dict[str, Any]]:
    """The rows of a query that was executed, as dictionaries; the first `most` of them when that is told."""
    names = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
    return [dict(zip(names, row, strict=True)) for row in rows]
