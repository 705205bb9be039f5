"""Groups of near-duplicates: candidates from equal bands, exact Jaccard similarity, union-find, stars.

Works on arrays of pairs, so that a million rows take seconds. MinHash and banding: Broder 1997; Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from chatlog.text.shingles import Shingles, bound

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float64]

ROUNDS: Final = 16
"""Centers that one group of near-duplicates is split into at most."""

_PAIRS: Final = 1 << 16
"""Pairs whose signatures are compared at a time."""

_ELEMENTS: Final = 1 << 23
"""Shingles that are compared at a time."""

_FEW: Final = 32
"""Sampled shingles of a side below which the sample says nothing about the side."""


class ShingleSets:
    """The shingle sets of some rows, comparable in bulk."""

    def __init__(self, rows: Index, values: Shingles, sizes: Index, levels: Index, size: int) -> None:
        """Keep the sets of `rows`, sorted, of `size` rows in all.

        Args:
            rows: (m,) int64, which rows.
            values: (k,) int32, their sorted shingles one after another.
            sizes: (m,) int64, shingles of each.
            levels: (m,) int64, how often each was thinned.
            size: rows in all.
        """
        from scipy.sparse import csr_matrix

        starts = np.concatenate([[0], np.cumsum(sizes)])
        tagged = np.zeros(rows.size, dtype=np.int64)
        if values.size:
            odd = (values & 1).astype(np.uint8)
            tagged[sizes > 0] = np.add.reduceat(odd, starts[:-1][sizes > 0], dtype=np.int64)
        self._place = np.full(size, -1, dtype=np.int64)
        self._place[rows] = np.arange(rows.size)
        self._levels = levels
        self._sizes = np.stack([sizes, tagged], axis=1)  # all, tagged
        self._matrix: csr_matrix = csr_matrix(
            (np.ones(values.size, np.int8), values, starts), shape=(rows.size, 1 << 30)
        )

    def similarities(self, pairs: Index) -> Shares:
        """The Jaccard similarity of each pair of rows, on the side (untagged, tagged) where it is lower, (n,) float64.

        A side that neither row has does not count, and neither does one of which the samples hold almost nothing.
        """
        left, right = self._place[pairs[:, 0]], self._place[pairs[:, 1]]
        both, one, other = self._shared(left, right)
        either = one + other - both
        # From all and tagged to untagged and tagged.
        for counts in (both, either):
            counts[:, 0] -= counts[:, 1]
        sampled = np.maximum(self._levels[left], self._levels[right]) > 0
        silent = (either == 0) | (sampled[:, None] & (either < _FEW))
        values: Shares = np.where(silent, np.inf, both / np.maximum(either, 1)).min(axis=1)
        unheard = both.sum(axis=1) / np.maximum(either.sum(axis=1), 1)
        similarities: Shares = np.where(np.isinf(values), unheard, values)
        return similarities

    def contained(self, pairs: Index) -> Shares:
        """The share of the first row's shingles that the second one has, (n,) float64."""
        both, one, _ = self._shared(self._place[pairs[:, 0]], self._place[pairs[:, 1]])
        return both[:, 0] / np.maximum(one[:, 0], 1)

    def _shared(self, left: Index, right: Index) -> tuple[Index, Index, Index]:
        """Shingles of both, of the left and of the right, at the level of the more thinned; (n, 2): all, tagged."""
        both = np.zeros((left.size, 2), dtype=np.int64)
        for part in _parts(self._sizes[left, 0] + self._sizes[right, 0]):
            shared = self._matrix[left[part]].multiply(self._matrix[right[part]]).tocsr()
            tagged = np.concatenate([[0], np.cumsum(shared.indices & 1, dtype=np.int64)])
            ends = shared.indptr
            both[part, 0] = np.diff(ends)
            both[part, 1] = tagged[ends[1:]] - tagged[ends[:-1]]
        one, other = self._sizes[left], self._sizes[right]
        for pair in np.flatnonzero(self._levels[left] != self._levels[right]).tolist():
            level = max(self._levels[left[pair]], self._levels[right[pair]])
            one[pair], other[pair] = self._cut(left[pair], level), self._cut(right[pair], level)
        return both, one, other

    def _cut(self, place: int, level: int) -> tuple[int, int]:
        start, end = self._matrix.indptr[place : place + 2]
        mine = self._matrix.indices[start:end]
        held = int(np.searchsorted(mine, bound(level)))
        return held, int((mine[:held] & 1).sum())


def _parts(weights: Index) -> Iterator[slice]:
    """Slices of so many items that their weights stay near _ELEMENTS."""
    if not weights.size:
        return
    block = np.cumsum(weights) // _ELEMENTS
    edges = np.concatenate([[0], np.flatnonzero(np.diff(block)) + 1, [weights.size]])
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield slice(start, end)


@dataclass(frozen=True)
class Banded:
    """The rows that may be near-duplicates, and what proposes pairs of them.

    Attributes:
        bands: (n, b) uint64.
        bits: (n, p) uint8 matrices, the lowest byte of each signature value; each may rule a pair out.
        present: (n,) bool, rows that take part.
        apart: (n,) int64, rows of one number above 0 are never paired: the sides of a battle.
    """

    bands: npt.NDArray[np.uint64]
    bits: tuple[npt.NDArray[np.uint8], ...]
    present: Flags
    apart: Index


def candidates(rows: Banded, threshold: float, neighbours: int) -> list[Index]:
    """Pairs of rows that share a band and whose signatures do not rule out the similarity.

    Each row of a bucket is paired with the bucket's first row and with `neighbours` rows before it, so that
    a bucket of k rows gives at most k * (neighbours + 1) pairs and a giant one stays linear. Signatures rule
    a pair out four standard errors below the threshold.

    Returns:
        (m, 2) int64 arrays of distinct pairs, smaller row first: those with a bucket's first row, then the others.
    """
    members = np.flatnonzero(rows.present)
    first: list[Index] = []
    others: list[Index] = []
    for band in range(rows.bands.shape[1]):
        values = rows.bands[members, band]
        order = np.argsort(values, kind="stable")
        ordered, mine = values[order], members[order]
        same = ordered[1:] == ordered[:-1]
        at = np.flatnonzero(same) + 1
        if not at.size:
            continue
        heads = np.maximum.accumulate(np.where(np.concatenate([[True], ~same]), np.arange(ordered.size), 0))
        first.append(_packed(mine[heads[at]], mine[at], rows))
        for step in range(1, neighbours + 1):
            near = np.flatnonzero(
                (ordered[step:] == ordered[:-step]) & (heads[step:] != np.arange(ordered.size - step))
            )
            others.append(_packed(mine[near], mine[near + step], rows))
        if len(others) > 32:
            others = [distinct(np.concatenate(others))]
    heads, rest = (distinct(np.concatenate([np.empty(0, np.int64), *lists])) for lists in (first, others))
    rest = rest[~np.isin(rest, heads, assume_unique=True)]
    return [_likely(packed, rows, threshold) for packed in (heads, rest)]


def _packed(left: Index, right: Index, rows: Banded) -> Index:
    apart = (rows.apart[left] > 0) & (rows.apart[left] == rows.apart[right])
    left, right = left[~apart], right[~apart]
    packed: Index = np.minimum(left, right) * rows.bands.shape[0] + np.maximum(left, right)
    return packed


def _likely(packed: Index, rows: Banded, threshold: float) -> Index:
    size = rows.bands.shape[0]
    for bits in rows.bits:
        width = max(bits.shape[1], 1)
        least = threshold - 4 * float(np.sqrt(threshold * (1 - threshold) / width))
        least += (1 - least) / 256  # bytes that are equal by chance
        keep = np.zeros(packed.size, dtype=bool)
        for start in range(0, packed.size, _PAIRS):
            part = packed[start : start + _PAIRS]
            equal = (bits[part // size] == bits[part % size]).sum(axis=1)
            keep[start : start + _PAIRS] = equal >= least * bits.shape[1]
        packed = packed[keep]
    pairs: Index = np.stack([packed // max(size, 1), packed % max(size, 1)], axis=1)
    return pairs


def distinct(values: Index) -> Index:
    """The values sorted, each once; several times as fast as numpy's unique, which hashes them."""
    values = np.sort(values)
    first = np.ones(values.size, dtype=bool)
    first[1:] = values[1:] != values[:-1]
    return values[first]


def joined(pairs: list[Index], sets: ShingleSets, threshold: float, size: int) -> Index:
    """The group of each of `size` rows, (n,) int64, named by its smallest member.

    A pair joins where its similarity reaches `threshold`; pairs of one group are not compared any more.
    """
    labels = np.arange(size, dtype=np.int64)
    for group in _spread(pairs):
        for start in range(0, group.shape[0], _PAIRS):
            part = group[start : start + _PAIRS]
            part = part[labels[part[:, 0]] != labels[part[:, 1]]]
            if part.size:
                labels = _merged(labels, part[sets.similarities(part) >= threshold])
    return labels


def _spread(pairs: list[Index]) -> Iterator[Index]:
    """The pairs in rounds: each row's first one, its second ones, and so on, so that most are in one group soon."""
    for group in pairs:
        turn = np.zeros(group.shape[0], dtype=np.int64)
        order = np.argsort(group[:, 1], kind="stable")
        later = group[order, 1]
        turn[order] = np.arange(later.size) - np.searchsorted(later, later)
        for least, most in ((0, 0), (1, 1), (2, 3), (4, np.iinfo(np.int64).max)):
            yield group[(turn >= least) & (turn <= most)]


def _merged(labels: Index, edges: Index) -> Index:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not edges.size:
        return labels
    nodes, ends = np.unique(labels[edges], return_inverse=True)
    ends = ends.reshape(edges.shape)
    graph = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(nodes.size, nodes.size))
    _, part = connected_components(graph, directed=False)
    smallest = np.full(part.max() + 1, labels.size, dtype=np.int64)
    np.minimum.at(smallest, part, nodes)
    target = np.arange(labels.size, dtype=np.int64)
    target[nodes] = smallest[part]
    renamed: Index = target[labels]
    return renamed


def stars(labels: Index, rank: Index, sets: ShingleSets, least: float) -> tuple[Index, Index, Shares]:
    """(centers, rows, similarities) of the rows that are like the center of their group, each (m,).

    The best row of a group is its first center; rows less similar to it than `least` gather around the
    best of themselves, and so on. After ROUNDS centers the rest stays with the last one, so that a giant
    group stays linear.
    """
    members = np.flatnonzero(np.bincount(labels, minlength=labels.size)[labels] > 1)
    rows = members[np.lexsort((rank[members], labels[members]))]
    found: list[tuple[Index, Index, Shares]] = []
    for turn in range(ROUNDS):
        heads = np.ones(rows.size, dtype=bool)
        heads[1:] = labels[rows[1:]] != labels[rows[:-1]]
        center = rows[np.maximum.accumulate(np.where(heads, np.arange(rows.size), 0))] if rows.size else rows
        center, rows = center[~heads], rows[~heads]
        if not rows.size:
            break
        values = sets.similarities(np.stack([center, rows], axis=1))
        near = (values >= least) | (turn == ROUNDS - 1)
        found.append((center[near], rows[near], values[near]))
        rows = rows[~near]
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    centers, gathered, similar = (np.concatenate(part) for part in zip(*found, strict=True))
    return centers, gathered, similar
