"""Vectors of made-up questions, each around the middle of its topic, for tests of what finds topics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


def around(topics: int, each: int, *, noise: float = 0.6, dim: int = 48, seed: int = 0) -> tuple[Matrix, Any]:
    """Unit vectors, `(topics * each, dim) float32`, in random order, and the topic of each."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(17).normal(size=(topics, dim))
    label = rng.permutation(np.repeat(np.arange(topics), each))
    vectors = middles[label] + rng.normal(scale=noise, size=(len(label), dim))
    return unit(vectors), label


def unit(vectors: npt.NDArray[Any]) -> Matrix:
    """At unit length."""
    scaled: Matrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled
