"""What is known of a topic, and questions that stand for it: the nearest to its centre, and some drawn by a hash."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.text.term_choice import Term

Rows = npt.NDArray[np.int64]

_SALT: Final = 0x746F706963
"""Apart from the hash that the sample is drawn by: of what that took, the smallest would always be taken again."""


@dataclass(frozen=True)
class Member:
    """A conversation of a topic.

    Attributes:
        distance: to the topic's centre.
        row: its key.
        who: its user, by number.
        text: its first question.
        redacted: whether the text went through `redact`.
    """

    distance: float
    row: int
    who: int
    text: str
    redacted: bool


@dataclass
class Told:
    """One row of the table of topics, while it is made.

    Attributes:
        topics: those that it is made of: itself, or those of a theme.
        shown: whether enough users asked about it.
        terms: its keywords, the best first.
        nearest: members that stand for it, the nearest first.
        random: others, drawn by a hash.
    """

    topic_id: int
    topics: Sequence[int]
    size: int
    shown: bool
    parent: int | None = None
    label: str | None = None
    named_by: str | None = None
    terms: Sequence[Term] = ()
    nearest: Sequence[Member] = ()
    random: Sequence[Member] = ()


class Members:
    """The nearest members and some random ones, each of another user and with another text."""

    def __init__(self, nearest: int, random: int) -> None:
        self._nearest = _Few(nearest)
        self._random = _Few(random)

    def add(self, member: Member) -> None:
        """Keeps the member where it is among the nearest, or among those with the smallest tickets."""
        self._nearest.add((-member.distance, -member.row), member)
        self._random.add((-float(tickets(np.array([member.row]), _SALT)[0]), -member.row), member)

    def nearest(self) -> list[Member]:
        """The nearest first."""
        return self._nearest.best()

    def random(self) -> list[Member]:
        """Those drawn, in the order of their tickets."""
        return self._random.best()


class _Few:
    """The members with the largest ranks: of one user, and of one text, the best only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[tuple[float, int], Member]] = []

    def add(self, rank: tuple[float, int], member: Member) -> None:
        if len(self._heap) == self._most and rank <= self._heap[0][0]:
            return
        # The same question again, or the same person, would stand for nothing new: the nearer of the two stays.
        same = [entry for entry in self._heap if entry[1].who == member.who or entry[1].text == member.text]
        if any(entry[0] >= rank for entry in same):
            return
        for entry in same:
            self._heap.remove(entry)
        self._heap.append((rank, member))
        heapq.heapify(self._heap)
        if len(self._heap) > self._most:
            heapq.heappop(self._heap)

    def best(self) -> list[Member]:
        return [member for _, member in sorted(self._heap, key=lambda entry: entry[0], reverse=True)]


def drawn(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, those with the smallest tickets: the same ones whatever their order."""
    if len(rows) <= most:
        return rows
    order = np.lexsort((rows, tickets(rows, _SALT)))
    return np.sort(rows[order[:most]])


def tickets(rows: Rows, seed: int) -> npt.NDArray[np.uint64]:
    """A well-mixed number for each key: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    # In Python's numbers: a product of two of numpy's would warn that it wraps around.
    begin = (seed * 0xD1342543DE82EF95 + 0x9E3779B97F4A7C15) % (1 << 64)
    x = rows.astype(np.uint64) + np.uint64(begin)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
