"""Random draws that cost little one at a time: numpy makes them by the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

T = TypeVar("T")

_BLOCK: Final = 1 << 15
_RANGE: Final = 1 << 30  # such integers are one machine word in CPython, hence quick


class Dice:
    """A stream of draws that depends on the seed alone."""

    __slots__ = ("_draws", "rng")

    def __init__(self, seed: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self._draws: list[int] = []

    def below(self, limit: int) -> int:
        """A whole number from 0 up to but not including ``limit``, which is at most 2**30."""
        if not self._draws:
            self._draws = self.rng.integers(0, _RANGE, size=_BLOCK).tolist()
        return self._draws.pop() % limit

    def share(self) -> float:
        """A number from 0 up to but not including 1."""
        return self.below(_RANGE) / _RANGE

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.below(_RANGE) < probability * _RANGE

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def characters(self, alphabet: str, count: int) -> str:
        """A text of ``count`` characters of the alphabet."""
        return "".join([alphabet[self.below(len(alphabet))] for _ in range(count)])

    def fill(self, pattern: str) -> str:
        """The pattern with a digit for each ``#``."""
        return "".join([str(self.below(10)) if char == "#" else char for char in pattern])
