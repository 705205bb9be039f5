"""Which reader a file is for, told from its first records."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.sources import READERS
from chatlog.sources.decode import decode
from chatlog.sources.framing import Raw, framing_of, raw_records, start_of
from chatlog.sources.record import Reader, Reject
from chatlog.sources.tables import table_rows

_SAMPLE: Final = 50
"""Records that are looked at."""

_BROKEN: Final = 1_000
"""Records that may be broken before the search for whole ones ends."""

_WINDOW: Final = 64 << 20
"""Bytes that are looked at, and that one record may have."""

_SEARCHED: Final = 8 * _WINDOW
"""Bytes of a file that are searched for records of a bearable size."""


@dataclass(frozen=True)
class Choice:
    """The reader of a file.

    Attributes:
        reader: its name; None where no reader recognises a record.
        why: for people.
        score: mean score of the records that were looked at, None where none was asked for.
        looked: records that were looked at.
        broken: records before or among them that could not be decoded.
    """

    reader: str | None
    why: str
    score: float | None = None
    looked: int = 0
    broken: int = 0


def detect(flat: Path, names: Collection[str] = ()) -> Choice:
    """The reader that recognises most of the first records of an uncompressed file.

    Args:
        flat: the file.
        names: readers that come into question; by default all of them.
    """
    values: list[Any] = []
    broken = 0
    for value in _values(flat):
        if isinstance(value, Reject):
            broken += 1
        else:
            values.append(value)
        if len(values) == _SAMPLE or broken == _BROKEN:
            break
    asked = [reader for reader in READERS if reader.name in names or not names]
    scores = {reader.name: sum(_score(reader, value) for value in values) / max(len(values), 1) for reader in asked}
    best, *others = sorted(scores, key=lambda name: -scores[name])
    count, first = len(values), "first record" if len(values) == 1 else f"first {len(values)} records"
    if not count:
        why = "none of its records can be decoded" if broken else "it holds no record"
        return Choice(None, why, None, 0, broken)
    if scores[best] <= 0:
        why = f"{best} does not recognise its {first}" if names else f"no reader recognises its {first}"
        return Choice(None, why, 0.0, count, broken)
    next_best = f"; next is {others[0]} with {scores[others[0]]:.2f}" if others and scores[others[0]] > 0 else ""
    why = f"recognised its {first} with a mean score of {scores[best]:.2f}{next_best}"
    return Choice(best, why, round(scores[best], 4), count, broken)


def _score(reader: Reader, value: Any) -> float:
    try:
        return reader.recognise(value)
    except Exception:  # a record made to break a reader is not of its format
        return 0.0


def _values(flat: Path) -> Iterator[Any]:
    framing = framing_of(flat)
    if framing == "parquet":
        for _, row in table_rows(flat, 0, _SAMPLE):
            yield _decoded(row) if isinstance(row, Raw) else row
        return
    start = start_of(flat, framing)
    size = 0
    for record in raw_records(flat, framing, start, min(flat.stat().st_size, start + _SEARCHED), whole=_WINDOW):
        if record.left_out == 0:
            yield _decoded(record)
            size += record.size
        if size > _WINDOW:
            return


def _decoded(record: Raw) -> Any:
    """The record's value, or the Reject that it is."""
    try:
        return decode(record.raw)
    except Reject as reject:
        return reject
