"""Counts by group that grow shard by shard: what is held depends on the groups, not on the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chatlog.interval import wilson
from chatlog.models.judgments import Bools, Ints

Rows = list[dict[str, Any]]


class Tally:
    """Sums of named measures by group."""

    def __init__(self, *measures: str) -> None:
        self.measures = measures
        self._sums: dict[str, npt.NDArray[np.int64]] = {}

    def add(self, group: Ints, names: Sequence[str], **measures: Bools) -> None:
        """Counts, for each group, the elements of which each measure is true.

        Args:
            group: `(n,)`, each element's place in `names`.
            names: the groups.
            measures: `(n,)` each; those that are not given count nothing.
        """
        for measure, values in measures.items():
            for name, count in zip(names, np.bincount(group[values], minlength=len(names)).tolist(), strict=True):
                self._count(name, measure, count)

    def add_to(self, name: str, **measures: Bools) -> None:
        """Counts the elements of one group of which each measure is true."""
        for measure, values in measures.items():
            self._count(name, measure, int(np.count_nonzero(values)))

    def _count(self, name: str, measure: str, count: int) -> None:
        sums = self._sums.setdefault(name, np.zeros(len(self.measures), dtype=np.int64))
        sums[self.measures.index(measure)] += count

    def rows(self, label: str, by: str) -> Rows:
        """One row a group that anything was counted of, the largest in `by` first."""
        told = [
            {label: name} | dict(zip(self.measures, counts.tolist(), strict=True))
            for name, counts in self._sums.items()
            if counts.any()
        ]
        return sorted(told, key=lambda row: (-row[by], row[label]))


def share(hits: int, n: int) -> float | None:
    """`hits` of `n`, None of nothing."""
    return hits / n if n else None


def interval(hits: int, n: int) -> dict[str, float | None]:
    """The 95 % Wilson interval of a share as `low` and `high`, None of nothing."""
    low, high = wilson(hits, n)
    return {"low": low if n else None, "high": high if n else None}
