"""Files that hold conversation text or come of it: for their owner alone, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from chatlog.engine.store import private, write_bytes


def write_private(path: Path, data: bytes) -> None:
    """Writes a file of mode 0600, in place of the one before.

    Raises:
        DataError: it cannot be written.
    """
    with private():
        write_bytes(path, data)


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON Lines."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
