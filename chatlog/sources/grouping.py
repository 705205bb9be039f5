"""Gathering the records of one conversation, for formats that log one message a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from chatlog.sources.framing import Raw, decode
from chatlog.sources.record import Reject

_SPACE: Final = b" \t\r\n"


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
        place = (record.offset, len(record.raw))
        key = _key(record.raw, key_of)
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
                target.write(b"[" + b",".join(_lines(stream, groups[entry])) + b"]\n")
            else:
                target.write(b"".join(_lines(stream, [entry])) + b"\n")
    return len(order)


def _key(raw: bytes, key_of: Callable[[Any], str | None]) -> str | None:
    try:
        return key_of(decode(raw))
    except Reject:
        return None


def _lines(stream: BinaryIO, places: list[tuple[int, int]]) -> Iterator[bytes]:
    for offset, length in places:
        # JSON allows line ends between its values alone, where a space says the same.
        yield _read(stream, offset, length).replace(b"\r", b" ").replace(b"\n", b" ")


def _read(stream: BinaryIO, offset: int, length: int) -> bytes:
    """The record's bytes; its position may be that of white space before it."""
    stream.seek(offset)
    raw = b""
    while len(raw) < length:
        more = stream.read(length - len(raw))
        if not more:
            break
        raw = (raw + more).lstrip(_SPACE)
    return raw
