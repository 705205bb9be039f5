"""Text search over a run's messages: row group by row group, as far as the time given, and on from there.

A run is read as it lies on disk, so that memory holds a few row groups and not the texts. What was found is kept for
the last searches: pages, facets and other orders of one search cost no second reading.
"""

from __future__ import annotations

import os
import re
import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.errors import ConfigError, DataError
from chatlog.schema import KEY, ROLES

TERMS: Final = 20
"""Words and phrases of one search at most."""

KEPT: Final = 8
"""Searches that are remembered."""

SNIPPETS: Final = 20_000
"""Found conversations of a search whose place in the text is remembered; the others are shown by how they begin."""

BEFORE: Final = 60
AROUND: Final = 240
"""Characters of a snippet: before what was found, and in all."""

_WORDS: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')

_COLUMNS: Final = (KEY.name, "system", "messages.list.element.role", "messages.list.element.content")

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


@dataclass
class Search:
    """One search, as far as it has come.

    Attributes:
        rows: rows that were searched.
        done: whether all were.
        places: of the first SNIPPETS conversations found.
    """

    terms: Terms
    rows: int = 0
    done: bool = False
    places: dict[int, Place] = field(default_factory=dict)
    _found: list[Ints] = field(default_factory=list)
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def found(self) -> Ints:
        """`(n,)`: row_ids of the conversations found so far, ascending."""
        return np.concatenate(self._found) if self._found else np.empty(0, dtype=np.int64)

    def advance(self, groups: Sequence[tuple[Path, int]], seconds: float) -> None:
        """Searches on for about so long, at least a step.

        Raises:
            DataError: a part file is missing or damaged.
        """
        end = time.monotonic() + seconds
        step = min(4, os.cpu_count() or 1)
        with self._lock, ThreadPoolExecutor(step) as pool:
            while self._next < len(groups):
                for rows, found, places in pool.map(self._group, groups[self._next : self._next + step]):
                    self._next += 1
                    self.rows += rows
                    self._found.append(found)
                    if len(self.places) < SNIPPETS:
                        self.places.update(places)
                if time.monotonic() > end:
                    break
            self.done = self._next >= len(groups)

    def _group(self, group: tuple[Path, int]) -> tuple[int, Ints, dict[int, Place]]:
        path, number = group
        rows, found = 0, list[Ints]()
        places: dict[int, Place] = {}
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.read_row_group(number, list(_COLUMNS)).to_batches():
                    rows += len(batch)
                    ids = batch[KEY.name].to_numpy()
                    hits = dict(in_batch(batch, self.terms))
                    found.append(ids[sorted(hits)])
                    places |= {int(ids[row]): place for row, place in sorted(hits.items()) if place is not None}
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {path}: it is missing or damaged, or the run has changed") from error
        return rows, np.concatenate(found) if found else np.empty(0, dtype=np.int64), places


class Searches:
    """The last searches of a run.

    Args:
        parts: the files to search, with the columns row_id, system and messages, in order.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._groups = [(path, number) for path in parts for number in range(_row_groups(path))]
        self._kept: OrderedDict[Terms, Search] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, terms: Terms, seconds: float) -> Search:
        """The search for these terms, brought on by about so many seconds.

        Raises:
            DataError: a part file is missing or damaged.
        """
        with self._lock:
            search = self._kept.setdefault(terms, Search(terms))
            self._kept.move_to_end(terms)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        if not search.done:
            search.advance(self._groups, seconds)
        return search


def _row_groups(path: Path) -> int:
    try:
        with pq.ParquetFile(path) as file:
            return int(file.num_row_groups)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path}: it is missing or damaged; remove it and run again") from error


def in_batch(batch: pa.RecordBatch, terms: Terms) -> Iterator[tuple[int, Place | None]]:
    """The rows of a batch that match, by their place in it, each with where its first term stands."""
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
        yield place, _place(texts, position, first.get(place), blob, starts)


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
