"""A run as a DuckDB file: views over its Parquet files, or its rows themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from chatlog.engine.run import pipeline_of
from chatlog.engine.store import private
from chatlog.errors import ConfigError, DataError
from chatlog.query import connect
from chatlog.query.summary import add_memos, keep_decisions, keep_summary
from chatlog.query.types import first_line, quoted
from chatlog.query.views import derive, make_views, parts_of

_STORAGE: Final = "v1.3.0"
"""The format of the file: clients of DuckDB 1.3 and later read it, and know the lambdas of our views."""

_MAGIC: Final = b"DUCK"  # at byte 8 of every database file

_COPIED: Final = ("conversations", "summary", "decisions", "topics", "rejects", "stages", "canaries", "embeddings")


@dataclass(frozen=True)
class Database:
    """What was written.

    Attributes:
        path: the file.
        views: their names.
        tables: their names.
        size: bytes.
    """

    path: Path
    views: list[str]
    tables: list[str]
    size: int


def make_database(
    root: str | Path, out: str | Path, *, copy: bool = False, told: Callable[[str], None] = lambda line: None
) -> Database:
    """Writes a DuckDB file (mode 0600) whose views are those of `chatlog.query.connect`; of a run as it is now.

    DuckDB reads relative paths of a view from the process's working folder or `file_search_path`, and knows no path
    relative to the file: so the views work from the file's own folder, also after both were moved.

    Args:
        root: the run folder.
        out: the file; a DuckDB file that lies there is replaced.
        copy: whether the rows are put into it, so that it stands alone.
        told: hears a line when there is work to do first.

    Raises:
        ConfigError: no run, or what lies at `out` is no DuckDB file.
        DataError: the file cannot be written, or a part file is damaged.
    """
    path = Path(out)
    _refuse_others(path)
    run, pipeline = pipeline_of(root)
    try:
        keep_summary(root, told)
        keep_decisions(root, told)
    except DataError as error:
        told(str(error))  # the views are then the queries themselves
    folder = path.resolve().parent
    partial = folder / f".tmp-{os.getpid()}-{path.name}"
    # A release query that reaches out of the run is refused here, before the views are made with access to files.
    with connect(root):
        pass
    try:
        with private(), duckdb.connect() as connection:
            connection.execute(f"SET temp_directory = {quoted(str(run.root / 'tmp'))}")
            connection.execute(f"SET file_search_path = {quoted(str(folder))}")
            connection.execute(f"ATTACH {quoted(str(partial))} AS made (STORAGE_VERSION {quoted(_STORAGE)})")
            if not copy:
                connection.execute("USE made")
            parts = parts_of(run, pipeline)
            spell = str if copy else lambda file: os.path.relpath(file.resolve(), folder)
            make_views(connection, parts, spell)
            add_memos(connection, parts, spell)
            if copy:
                for name in _COPIED if "embed" in parts.planned else _COPIED[:-1]:
                    connection.execute(f"CREATE TABLE made.{name} AS SELECT * FROM {name}")
                connection.execute("USE made")
            derive(connection)
            views, tables = _names(connection, "views"), _names(connection, "tables")
            connection.execute("USE memory")
            connection.execute("DETACH made")
        partial.replace(path)
    except duckdb.Error as error:
        raise DataError(f"cannot write {path}: {first_line(error)}") from error
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
        Path(f"{partial}.wal").unlink(missing_ok=True)
    return Database(path, views, tables, path.stat().st_size)


def _names(connection: duckdb.DuckDBPyConnection, kind: str) -> list[str]:
    found = connection.execute(
        f"SELECT {kind[:-1]}_name FROM duckdb_{kind}() WHERE database_name = 'made' AND NOT internal ORDER BY 1"
    )
    return [name for (name,) in found.fetchall()]


def _refuse_others(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"cannot replace {path}: {error.strerror}") from error
    if head[8:] != _MAGIC:
        raise ConfigError(f"{path} is there and is no DuckDB file; give another name, or remove it first")
