"""Character shingles as hashes, for a batch of texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, Knuth's multiplicative hashing
_FINAL: Final = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64's first multiplier

Hashes = npt.NDArray[np.uint64]


def shingle_hashes(texts: Sequence[str], width: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """64-bit hashes of every run of `width` characters, and where each text's begin.

    Returns:
        hashes: (n,) uint64, the texts' shingles one after another, repeats included.
        offsets: (n_texts + 1,) int64. A text of fewer than `width` characters, if not empty, is one
            shingle; an empty text has none.
    """
    flat = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    starts = np.cumsum(lengths) - lengths
    short = (lengths > 0) & (lengths < width)
    counts = np.where(short, 1, np.maximum(lengths - width + 1, 0))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(offsets[-1])
    owner = np.repeat(np.arange(len(texts), dtype=np.int64), counts)
    begin = starts[owner] + (np.arange(total, dtype=np.int64) - offsets[:-1][owner])
    hashes = np.zeros(total, dtype=np.uint64)
    room = flat.size
    for step in range(width):
        inside = step < lengths[owner]  # a short text ends early
        at = np.minimum(begin + step, max(room - 1, 0))
        symbol = np.where(inside, flat[at] + np.uint64(1), np.uint64(0)) if room else np.zeros(total, np.uint64)
        hashes = (hashes ^ symbol) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    hashes *= _FINAL
    hashes ^= hashes >> np.uint64(32)
    return hashes, offsets


def mixed(values: Hashes) -> Hashes:
    """One 64-bit hash of each row along the last axis: (..., k) uint64 to (...) uint64."""
    hashes = np.zeros(values.shape[:-1], dtype=np.uint64)
    for step in range(values.shape[-1]):
        hashes = (hashes ^ (values[..., step] + np.uint64(1))) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    return hashes


def sampled_set(hashes: Hashes, limit: int) -> tuple[npt.NDArray[np.uint32], int]:
    """The distinct shingles of one text as sorted 32-bit values, thinned when there are more than `limit`.

    Thinning keeps the hashes below a bound that is halved until they fit (FracMinHash, Irber et al.
    2022): sets thinned to the same level sample the same shingles, so their Jaccard similarity
    estimates that of the whole sets.

    Returns:
        values: (m,) uint32, m <= limit.
        level: how often the bound was halved; 0 means that the set is whole.
    """
    values = np.unique((hashes >> np.uint64(32)).astype(np.uint32))
    level = 0
    while values.size > limit:
        level += 1
        values = values[: np.searchsorted(values, np.uint32((1 << (32 - level)) - 1), side="right")]
    return values, level


def jaccard(left: npt.NDArray[np.uint32], right: npt.NDArray[np.uint32], level: int) -> float:
    """|intersection| / |union| of two sorted sets, both thinned to `level`."""
    if level:
        bound = np.uint32((1 << (32 - level)) - 1)
        left = left[: np.searchsorted(left, bound, side="right")]
        right = right[: np.searchsorted(right, bound, side="right")]
    both = np.intersect1d(left, right, assume_unique=True).size
    either = left.size + right.size - both
    return both / either if either else 0.0
