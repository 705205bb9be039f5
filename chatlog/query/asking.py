"""One question and its answer: as rows, or in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from chatlog.engine.store import private
from chatlog.errors import ConfigError, DataError
from chatlog.query import connect, dicts, failed, only_reads, select, within
from chatlog.query.limits import MEMORY
from chatlog.query.reports import keep_for
from chatlog.query.types import quoted

_FORMATS: Final = {".csv": "CSV, HEADER", ".parquet": "PARQUET, COMPRESSION ZSTD", ".jsonl": "JSON"}

Told = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What a query returned.

    Attributes:
        columns: their names, also where there are no rows.
        rows: the first ones.
        cut: whether there are more.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    cut: bool


def ask(
    root: str | Path,
    query: str,
    *,
    memory: str = MEMORY,
    seconds: float | None = None,
    most: int | None = None,
    told: Told = lambda line: None,
) -> Answer:
    """The answer of one query that reads, `most` rows of it.

    What the query names of `summary` and `decisions` is made first, and does not count against `seconds`.

    Raises:
        ConfigError: no run, no query that reads, or it took more time or memory than it may.
        DataError: a part file is damaged.
    """
    _keep(root, query, told)
    with connect(root, memory=memory) as connection, within(connection, seconds):
        cursor = select(connection, query)
        columns = tuple(column[0] for column in cursor.description or ())
        rows = dicts(cursor, None if most is None else most + 1)
    cut = most is not None and len(rows) > most
    return Answer(columns, rows[:most], cut)


def write_answer(
    root: str | Path,
    query: str,
    out: Path,
    *,
    memory: str = MEMORY,
    seconds: float | None = None,
    told: Told = lambda line: None,
) -> int:
    """Writes what a query returns to a .csv, .parquet or .jsonl file (mode 0600), all rows; their number.

    Raises:
        ConfigError: as ask does, or the file is of another kind or lies in the run folder.
        DataError: the file cannot be written, or a part file is damaged.
    """
    kind = _FORMATS.get(out.suffix.lower())
    if kind is None:
        raise ConfigError(f"cannot write {out}: the name should end in one of {', '.join(_FORMATS)}")
    if Path(root).resolve() in out.resolve().parents:
        raise ConfigError(f"{out} lies in the run folder, whose files are its own; give a path outside of it")
    _keep(root, query, told)
    partial = out.resolve().parent / f".tmp-{os.getpid()}-{out.name}"
    try:
        with private(), connect(root, memory=memory, writes=partial) as connection, within(connection, seconds):
            only_reads(connection, query)
            # A view takes the query as it is, with a semicolon or a comment at its end.
            connection.execute(f"CREATE TEMP VIEW answer AS {query}")
            copied = connection.execute(
                f"COPY (FROM answer) TO {quoted(str(partial))} (FORMAT {kind}, USE_TMP_FILE false)"
            )
            (count,) = copied.fetchone() or (0,)
        partial.replace(out)
    except duckdb.Error as error:
        raise failed(error) from error
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return int(count)


def _keep(root: str | Path, query: str, told: Told) -> None:
    try:
        keep_for(root, query, told)
    except DataError as error:
        # What cannot be kept is worked out by the query itself.
        told(str(error))
