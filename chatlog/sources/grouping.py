"""Gathering the records of one conversation, for formats that log one message a record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from chatlog.sources.decode import decode
from chatlog.sources.framing import Raw, after_space, blocks_of
from chatlog.sources.record import Reject

_LARGEST: Final = 64 << 20
"""Bytes of a record that is decoded to look for its key; one message of a conversation is far smaller."""


def write_groups(records: Iterable[Raw], source: Path, key_of: Callable[[Any], str | None], target: BinaryIO) -> int:
    """Writes one line a conversation: a JSON array of its records, in the order of their first ones.

    A record without a key (or that is not JSON) stands on a line of its own, as it was. Memory
    holds a position and a length for each record, never the file.

    Args:
        records: the records of `source`, with their positions.
        source: the uncompressed file.
        key_of: `Reader.group`.
        target: where the lines go.

    Returns:
        The number of lines.
    """
    groups: dict[str, list[tuple[int, int]]] = {}
    order: list[str | tuple[int, int]] = []
    for record in records:
        place = (record.offset, record.size)
        key = _key(record.raw, key_of) if record.size <= _LARGEST else None
        if key is None:
            order.append(place)
        elif key in groups:
            groups[key].append(place)
        else:
            groups[key] = [place]
            order.append(key)
    with source.open("rb") as stream:
        for entry in order:
            if isinstance(entry, str):
                for at, place in enumerate(groups[entry]):
                    target.write(b"," if at else b"[")
                    _copy(stream, place, target)
                target.write(b"]\n")
            else:
                _copy(stream, entry, target)
                target.write(b"\n")
    return len(order)


def _key(raw: bytes, key_of: Callable[[Any], str | None]) -> str | None:
    try:
        return key_of(decode(raw))
    except Reject:
        return None


def _copy(stream: BinaryIO, place: tuple[int, int], target: BinaryIO) -> None:
    """Writes the record's bytes on one line; its position may be that of white space before it."""
    offset, left = place
    stream.seek(after_space(stream, offset, os.fstat(stream.fileno()).st_size))
    for block in blocks_of(stream, left):
        # JSON allows line ends between its values alone, where a space says the same.
        target.write(block.replace(b"\r", b" ").replace(b"\n", b" "))
