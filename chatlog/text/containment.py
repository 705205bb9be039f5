"""Conversations that another one holds whole: as its beginning, or quoted within its messages."""

from __future__ import annotations

from typing import Final

import numpy as np

from chatlog.text.neardup import Flags, Index, Shares, distinct
from chatlog.text.shingles import BITS, Hashes, Shingles

_MULTIPLIER: Final = np.uint64(0xBF58476D1CE4E5B9)  # odd, so that its powers do not die out

_SAMPLE: Final = BITS - 5
"""Shingles below 2 to this power, one in 32, are what quotations are looked for with."""

_LEAST: Final = 6
"""Sampled shingles that a conversation needs to be looked for in others: some 200 characters."""

_COMMON: Final = 32
"""Conversations that a shingle may stand in and still be looked up."""

_TRIES: Final = 2
"""Rarest shingles of a conversation that are looked up."""

_MOST: Final = 0.8
"""Share of a conversation's sampled shingles that another one needs for the two to be compared."""

_PAIRS: Final = 1 << 18


def prefixes(turns: Hashes, counts: Index) -> tuple[Hashes, Hashes, Index]:
    """Hashes of the conversations, and of all their proper beginnings.

    Args:
        turns: (n,) uint64, hashes of the conversations' turns, one conversation after another.
        counts: (n_rows,) int64, turns of each.

    Returns:
        whole: (n_rows,) uint64.
        begun: (k,) uint64, one for each beginning of one turn or more that is not the whole.
        rows: (k,) int64, whose beginning it is.
    """
    starts = np.cumsum(counts) - counts
    place = np.arange(turns.size, dtype=np.int64) - np.repeat(starts, counts)
    powers = np.multiply.accumulate(np.full(int(counts.max(initial=0)) + 1, _MULTIPLIER, dtype=np.uint64))
    sums = np.concatenate([[np.uint64(0)], np.cumsum(turns * powers[place], dtype=np.uint64)])
    # A running sum less what came before the conversation; uint64 wraps, so the difference is exact.
    whole = sums[starts + counts] - sums[starts]
    row = np.repeat(np.arange(counts.size), counts)
    proper = place < counts[row] - 1
    begun = sums[1:][proper] - sums[starts[row[proper]]]
    return whole, begun, row[proper]


def continued(turns: Hashes, counts: Index, rank: Index, apart: Index) -> Index:
    """For each row the best-ranked one that begins with all its turns and goes on, -1 for none; (n_rows,) int64.

    Rows of one number in `apart` above 0 do not hold each other.
    """
    whole, begun, rows = prefixes(turns, counts)
    order = np.lexsort((rank[rows], begun))
    begun, rows = begun[order], rows[order]
    found = np.full(counts.size, -1, dtype=np.int64)
    if not begun.size:
        return found
    at = np.minimum(np.searchsorted(begun, whole), begun.size - 1)
    # The best row may be the other side of the battle; the next best one is looked at then.
    for step in (0, 1):
        here = np.minimum(at + step, begun.size - 1)
        holder = rows[here]
        fits = (begun[here] == whole) & (counts > 0) & (found < 0)
        fits &= (apart == 0) | (apart != apart[holder])
        found[fits] = holder[fits]
    return found


class Quotes:
    """Finds conversations whose shingles all stand in a longer one, by the rarest of a sample of them."""

    def __init__(self) -> None:
        self._values: list[Shingles] = []
        self._rows: list[Shingles] = []

    def add(self, values: Shingles, sizes: Index, first: int) -> None:
        """Takes the sorted shingles of the rows from number `first` on, one row after another, sides together."""
        few = np.flatnonzero(values < (1 << _SAMPLE))
        self._values.append(values[few] >> 1)
        self._rows.append((np.searchsorted(np.cumsum(sizes), few, side="right") + first).astype(np.int32))

    def pairs(self, lengths: Index, among: Flags) -> Index:
        """(contained, container) rows of those `among` that are worth comparing, (m, 2) int64, the container longer."""
        sampled = np.concatenate(self._values or [np.empty(0, np.int32)])
        owners = np.concatenate(self._rows or [np.empty(0, np.int32)])
        self._values, self._rows = [], []  # they take much room, and are asked for once
        wanted = among[owners]
        packed = distinct((sampled[wanted].astype(np.int64) << 32) | owners[wanted])
        values, rows = packed >> 32, packed & 0xFFFFFFFF
        edges = np.flatnonzero(np.diff(values, prepend=-1))
        spread = np.diff(edges, append=values.size)
        posting = np.repeat(np.arange(edges.size), spread)
        held = np.bincount(rows, minlength=lengths.size)
        asks = np.flatnonzero((held[rows] >= _LEAST) & (spread[posting] > 1) & (spread[posting] <= _COMMON))
        # Of each row that asks, its rarest shingles.
        asks = asks[np.lexsort((spread[posting[asks]], rows[asks]))]
        turn = np.arange(asks.size) - np.searchsorted(rows[asks], rows[asks])
        asks = asks[turn < _TRIES]
        widths = spread[posting[asks]]
        one = np.repeat(rows[asks], widths)
        begin = np.repeat(edges[posting[asks]], widths)
        other = rows[begin + np.arange(begin.size) - np.repeat(np.cumsum(widths) - widths, widths)]
        longer = lengths[other] > lengths[one]
        found = distinct((one[longer] << 32) | other[longer])
        pairs = np.stack([found >> 32, found & 0xFFFFFFFF], axis=1)
        shared = _shared(np.repeat(np.arange(edges.size), spread), rows, held, pairs)
        return pairs[shared >= _MOST * held[pairs[:, 0]]]


def _shared(postings: Index, rows: Index, held: Index, pairs: Index) -> Index:
    """How many of the sampled shingles both rows of each pair have, (n,) int64."""
    from scipy.sparse import csr_matrix

    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([[0], np.cumsum(held)])
    shape = (held.size, max(int(postings.max(initial=0)) + 1, 1))
    matrix = csr_matrix((np.ones(rows.size, np.int8), postings[order], starts), shape=shape)
    shared = [np.empty(0, np.int64)]
    for start in range(0, pairs.shape[0], _PAIRS):
        part = pairs[start : start + _PAIRS]
        shared.append(np.diff(matrix[part[:, 0]].multiply(matrix[part[:, 1]]).indptr))
    return np.concatenate(shared)


def best_holder(pairs: Index, shares: Shares, least: float, rank: Index, size: int) -> tuple[Index, Shares]:
    """For each row the best-ranked one that holds it, -1 for none, and how much of it that one holds; both (size,)."""
    fits = shares >= least
    pairs, shares = pairs[fits], shares[fits]
    order = np.lexsort((-rank[pairs[:, 1]], pairs[:, 0]))  # the last write wins
    found, share = np.full(size, -1, dtype=np.int64), np.full(size, np.nan)
    found[pairs[order, 0]] = pairs[order, 1]
    share[pairs[order, 0]] = shares[order]
    return found, share
