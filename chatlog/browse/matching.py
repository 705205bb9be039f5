"""What a search asks for, and where it stands in the texts of a batch."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlog.errors import ConfigError
from chatlog.schema import ROLES

TERMS: Final = 20
"""Words and phrases of one search at most."""

BEFORE: Final = 60
AROUND: Final = 240
"""Characters of a snippet: before what was found, and in all."""

_WORDS: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Terms:
    """What a search asks for: all of `wanted` and none of `unwanted`, in messages of `role`; lower case.

    Attributes:
        role: user, assistant, system or tool; empty for any.
    """

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    role: str = ""


@dataclass(frozen=True)
class Place:
    """Where a search first found its longest word: message (-1: system prompt), code point, and the text around."""

    message: int
    at: int
    text: str


def terms_of(text: str, role: str = "") -> Terms:
    """The terms of what a person typed: words, "phrases in quotes", and -unwanted ones.

    Raises:
        ConfigError: too many terms, or an unknown role.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for minus, phrase, word in _WORDS.findall(text):
        term = lowered(phrase or word)
        if term.strip():
            (unwanted if minus else wanted).append(term)
    if len(wanted) + len(unwanted) > TERMS:
        raise ConfigError(f"a search takes at most {TERMS} words, found {len(wanted) + len(unwanted)}")
    if role and role not in ROLES:
        raise ConfigError(f"unknown role {role!r}; there are {', '.join(ROLES)}")
    # The longest first: it is likely the rarest, and the others are then looked for in few conversations.
    return Terms(tuple(sorted(set(wanted), key=len, reverse=True)), tuple(sorted(set(unwanted))), role)


def lowered(text: str) -> str:
    """Lower case, code point by code point, so that offsets hold."""
    made: str = pc.utf8_lower(pa.scalar(text)).as_py()
    return made


def in_batch(batch: pa.RecordBatch, terms: Terms, *, places: bool = True) -> Iterator[tuple[int, Place | None]]:
    """The rows of a batch that match, by their place in it, each with where its first term stands when asked for."""
    texts, row, position = _texts(batch, terms.role)
    lower = pc.utf8_lower(texts)
    buffers = lower.buffers()
    blob = buffers[2].to_pybytes() if buffers[2] is not None else b""
    starts = np.frombuffer(buffers[1], dtype=np.int64)[: len(texts) + 1].tolist() if len(texts) else [0]
    text = _Text(blob, starts, row.tolist())
    rows: set[int] | None = None
    first: dict[int, tuple[int, int]] = {}
    for term in terms.wanted:
        hits = text.first(term.encode(), rows)
        first = first or hits
        rows = set(hits)
        if not rows:
            return
    if rows is None:
        rows = set(range(len(batch)))
    for term in terms.unwanted:
        rows -= set(text.first(term.encode(), rows))
    for place in rows:
        yield place, _place(texts, position, first.get(place), blob, starts) if places else None


def _texts(batch: pa.RecordBatch, role: str) -> tuple[pa.Array, Ints, Ints]:
    """Texts (large_string), the rows that they are of, and their positions in it; system prompts come last."""
    column, systems = batch["messages"], batch["system"]
    messages = pc.list_flatten(column)
    row = pc.list_parent_indices(column).to_numpy().astype(np.int64)
    starts = np.searchsorted(row, np.arange(len(batch)))
    position = np.arange(len(row), dtype=np.int64) - starts[row]
    contents = pc.struct_field(messages, "content")
    if role:
        chosen = pc.fill_null(pc.equal(pc.struct_field(messages, "role"), role), False)
        mask = chosen.to_numpy(zero_copy_only=False)
        contents, row, position = contents.filter(chosen), row[mask], position[mask]
    texts = [contents.cast(pa.large_string())]
    if role in ("", "system"):
        texts.append(systems.cast(pa.large_string()))
        row = np.concatenate([row, np.arange(len(batch), dtype=np.int64)])
        position = np.concatenate([position, np.full(len(batch), -1, dtype=np.int64)])
    return pa.concat_arrays(texts), row, position


@dataclass(frozen=True)
class _Text:
    """Texts one after another in `blob`, of `starts[i]` to `starts[i + 1]`, each of a row."""

    blob: bytes
    starts: list[int]
    row: list[int]

    def first(self, term: bytes, rows: set[int] | None) -> dict[int, tuple[int, int]]:
        """Row to the text and the place in the blob where the term first stands; only of `rows`, when given."""
        found: dict[int, tuple[int, int]] = {}
        if rows is not None and len(rows) * 10 < len(self.row):
            for index, row in enumerate(self.row):
                if row in rows and row not in found:
                    at = self.blob.find(term, self.starts[index], self.starts[index + 1])
                    if at >= 0:
                        found[row] = index, at
            return found
        at = self.blob.find(term)
        while at >= 0:
            index = bisect_right(self.starts, at) - 1
            row, end = self.row[index], self.starts[index + 1]
            if at + len(term) > end:  # it runs into the next text
                at = self.blob.find(term, at + 1)
                continue
            if row not in found and (rows is None or row in rows):
                found[row] = index, at
            at = self.blob.find(term, end)
        return found


def _place(
    texts: pa.Array, position: Ints, hit: tuple[int, int] | None, blob: bytes, starts: list[int]
) -> Place | None:
    if hit is None:
        return None
    index, byte = hit
    at = len(blob[starts[index] : byte].decode("utf-8", "replace"))
    text: Any = texts[index].as_py()
    begin = max(0, at - BEFORE)
    return Place(int(position[index]), at, text[begin : begin + AROUND])
