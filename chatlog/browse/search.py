"""Text search over a run's messages: row group by row group, as far as the time given, and on from there.

A run is read as it lies on disk, so that memory holds a few row groups and not the texts. What was found is kept for
the last searches: pages, facets and other orders of one search cost no second reading.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.browse.matching import Ints, Place, Terms, in_batch
from chatlog.errors import DataError
from chatlog.schema import KEY

KEPT: Final = 8
"""Searches that are remembered."""

PLACES: Final = 1_000
"""Found conversations of a search whose place in the text is remembered; those of the others are looked for again."""

_COLUMNS: Final = (KEY.name, "system", "messages.list.element.role", "messages.list.element.content")


@dataclass
class Search:
    """One search, as far as it has come.

    Attributes:
        rows: rows that were searched.
        done: whether all were.
        places: of about the first PLACES conversations found.
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

    def advance(self, groups: Sequence[Group], seconds: float) -> None:
        """Searches on for about so long, at least a step.

        Raises:
            DataError: a part file is missing or damaged.
        """
        end = time.monotonic() + seconds
        step = min(4, os.cpu_count() or 1)
        with self._lock, ThreadPoolExecutor(step) as pool:
            while self._next < len(groups):
                known = len(self.places) >= PLACES
                for group, told in pool.map(
                    lambda group, known=known: (group, group.search(self.terms, places=not known)),
                    groups[self._next : self._next + step],
                ):
                    self._next += 1
                    self.rows += group.rows
                    self._found.append(np.array(sorted(told), dtype=np.int64))
                    self.places |= {row: place for row, place in told.items() if place is not None}
                if time.monotonic() > end:
                    break
            self.done = self._next >= len(groups)


@dataclass(frozen=True)
class Group:
    """A row group of a part file, of `rows` rows from row_id `first` on."""

    path: Path
    number: int
    first: int
    rows: int

    def search(self, terms: Terms, *, places: bool, among: Ints | None = None) -> dict[int, Place | None]:
        """The row_ids that match, each with its place when those are asked for; only those `among`, when given.

        Raises:
            DataError: the file is missing or damaged.
        """
        found: dict[int, Place | None] = {}
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.read_row_group(self.number, list(_COLUMNS)).to_batches():
                    if among is not None:
                        batch = batch.filter(pc.is_in(batch[KEY.name], pa.array(among)))
                    ids = batch[KEY.name].to_pylist()
                    found |= {ids[row]: place for row, place in in_batch(batch, terms, places=places)}
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {self.path}: it is missing or damaged, or the run has changed") from error
        return found


class Searches:
    """The last searches of a run.

    Args:
        parts: the files to search by shard, with the columns row_id, system and messages.
    """

    def __init__(self, parts: Mapping[int, Path]) -> None:
        self._groups = [group for shard, path in sorted(parts.items()) for group in _groups(shard, path)]
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

    def places(self, search: Search, rows: Sequence[int]) -> dict[int, Place]:
        """Where a search found something in some of its rows.

        Raises:
            DataError: a part file is missing or damaged.
        """
        found = {row: search.places[row] for row in rows if row in search.places}
        missing = np.array([row for row in rows if row not in found], dtype=np.int64)
        for group in self._groups if len(missing) and search.terms.wanted else ():
            inside = missing[(missing >= group.first) & (missing < group.first + group.rows)]
            if len(inside):
                told = group.search(search.terms, places=True, among=inside)
                found |= {row: place for row, place in told.items() if place is not None}
        return found


def _groups(shard: int, path: Path) -> Iterator[Group]:
    first = shard << 32
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                yield Group(path, number, first, rows)
                first += rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot read {path}: it is missing or damaged; remove it and run again") from error
