"""What a query on a run may touch, hold and last."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from chatlog.errors import ConfigError
from chatlog.query.types import first_line, quoted

MEMORY: Final = "2GB"
"""What DuckDB may hold by default; what is more goes to RUN/tmp where it can."""

_SIZE: Final = re.compile(r"\d+(\.\d+)?\s*([KMGT]i?)?B", re.IGNORECASE)


def lock_down(
    connection: duckdb.DuckDBPyConnection,
    files: Iterable[Path],
    temporary: Path,
    *,
    memory: str = MEMORY,
    threads: int | None = None,
) -> None:
    """Shuts a connection off from everything but `files`, for good.

    Raises:
        ConfigError: `memory` is no size.
    """
    if not _SIZE.fullmatch(memory.strip()):
        raise ConfigError(f"memory should be a size such as 500MB or 4GB, found {memory!r}")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET temp_directory = {quoted(str(temporary))}")
    connection.execute(f"SET memory_limit = {quoted(memory.strip())}")
    if threads:
        connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET allowed_paths = [{', '.join(quoted(str(path)) for path in files)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@contextmanager
def within(connection: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """Interrupts what the connection does after so many seconds; None waits for ever.

    Raises:
        ConfigError: the time was over, or the memory did not suffice.
    """
    over = threading.Event()

    def interrupt() -> None:
        over.set()
        connection.interrupt()

    timer = threading.Timer(seconds, interrupt) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield
    except duckdb.Error as error:
        raise failed(error, seconds if over.is_set() else None) from error
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()  # a thread that ends with the interpreter holds the connection, which DuckDB then complains of


def failed(error: duckdb.Error, seconds: float | None = None) -> ConfigError:
    """What to tell of a query that failed; `seconds` when it was interrupted after so many."""
    if seconds is not None:
        return ConfigError(f"the query was stopped after {seconds:g} s: ask for less, or give it more with --timeout")
    if isinstance(error, duckdb.OutOfMemoryException):
        return ConfigError("the query needs more memory than it may hold: ask for less, or give it more with --memory")
    return ConfigError(f"the query failed: {first_line(error)}")
