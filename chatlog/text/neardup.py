"""Groups of near-duplicates: candidates from equal bands, exact Jaccard, union-find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.text.shingles import jaccard

Index = npt.NDArray[np.int64]

ROUNDS: Final = 64
"""Centers that one group of near-duplicates is split into at most."""


class UnionFind:
    """Disjoint sets over 0..n-1; the smallest member stands for its set."""

    def __init__(self, size: int) -> None:
        self.parent = np.arange(size, dtype=np.int64)

    def find(self, item: int) -> int:
        """The representative of the item's set."""
        root = item
        while self.parent[root] != root:
            root = int(self.parent[root])
        while self.parent[item] != root:
            self.parent[item], item = root, int(self.parent[item])
        return root

    def union(self, left: int, right: int) -> bool:
        """Joins two sets; False when they were one already."""
        a, b = self.find(left), self.find(right)
        if a == b:
            return False
        self.parent[max(a, b)] = min(a, b)
        return True

    def labels(self) -> Index:
        """The representative of every item, (n,) int64."""
        parent = self.parent
        while True:
            above: Index = parent[parent]
            if np.array_equal(above, parent):
                return above
            parent = above


def candidate_pairs(bands: npt.NDArray[np.uint64], present: npt.NDArray[np.bool_], neighbours: int = 4) -> Index:
    """Pairs of rows that share a band hash, (m, 2) int64, smaller first, sorted, distinct.

    Args:
        bands: (n, b) uint64.
        present: (n,) bool, rows that have bands at all.
        neighbours: each row of a bucket is paired with the bucket's first row and with as many rows
            before it as this; a bucket of k rows gives at most k * (neighbours + 1) pairs, so a
            giant bucket stays linear.
    """
    rows = np.flatnonzero(present)
    found: list[npt.NDArray[np.int64]] = []
    for band in range(bands.shape[1]):
        values = bands[rows, band]
        order = np.argsort(values, kind="stable")
        ordered, members = values[order], rows[order]
        same = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
        if not same.size:
            continue
        heads = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        first = members[np.maximum.accumulate(np.where(heads, np.arange(ordered.size), 0))]
        found.append(_packed(first[same], members[same], bands.shape[0]))
        for step in range(1, neighbours + 1):
            near = np.flatnonzero(ordered[step:] == ordered[:-step])
            found.append(_packed(members[near], members[near + step], bands.shape[0]))
        if len(found) > 64:
            found = [np.unique(np.concatenate(found))]
    if not found:
        return np.empty((0, 2), dtype=np.int64)
    packed = np.unique(np.concatenate(found))
    pairs: Index = np.stack([packed // bands.shape[0], packed % bands.shape[0]], axis=1)
    distinct: Index = pairs[pairs[:, 0] != pairs[:, 1]]
    return distinct


def _packed(left: Index, right: Index, size: int) -> Index:
    return np.minimum(left, right) * size + np.maximum(left, right)


def verified(
    pairs: Index,
    sets: Sequence[npt.NDArray[np.uint32] | None],
    levels: npt.NDArray[np.int64],
    threshold: float,
    groups: UnionFind,
) -> None:
    """Joins in `groups` the pairs whose shingle sets have a Jaccard similarity of `threshold` or more.

    Pairs that are in one group already are not compared again.
    """
    for left, right in pairs.tolist():
        a, b = sets[left], sets[right]
        if a is None or b is None or groups.find(left) == groups.find(right):
            continue
        level = int(max(levels[left], levels[right]))
        if levels[left] == levels[right] and min(a.size, b.size) < threshold * max(a.size, b.size):
            continue  # the sizes alone keep the similarity below the threshold
        if jaccard(a, b, level) >= threshold:
            groups.union(left, right)


def stars(
    members: Sequence[int],
    sets: Sequence[npt.NDArray[np.uint32] | None],
    levels: Index,
    least: float,
) -> Iterator[tuple[int, int, float]]:
    """(center, row, similarity) for the rows of one group, best first, that are like their center.

    The best row is the first center; rows less similar to it than `least` gather around the best
    of themselves, and so on. After ROUNDS centers the rest stays with the last one, so that a giant
    group stays linear.
    """
    waiting = list(members)
    for turn in range(ROUNDS):
        if len(waiting) < 2:
            return
        center, rest = waiting[0], []
        for row in waiting[1:]:
            a, b = sets[center], sets[row]
            value = jaccard(a, b, int(max(levels[center], levels[row]))) if a is not None and b is not None else 0.0
            if value >= least or turn == ROUNDS - 1:
                yield center, row, value
            else:
                rest.append(row)
        waiting = rest
