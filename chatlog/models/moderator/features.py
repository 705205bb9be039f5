"""What the moderator sees of a text: its windows, a sentence vector and hashed character n-grams of each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

EMBEDDER: Final = "all-MiniLM-L6-v2"
DIMENSIONS: Final = 384
TOKENS: Final = 256

WINDOW: Final = 800
"""Characters of one window: about 200 tokens of English, within what the embedder reads."""

BUCKETS: Final = 1 << 15
SHORTEST: Final = 2
LONGEST: Final = 5
VECTOR_SCALE: Final = 0.3
"""Weight of the unit sentence vector beside the unit n-gram vector. One penalty serves both; among 0.3, 0.5
and 1 the first had the best cross-validated average precision."""

_OFFSET: Final = np.uint64(14695981039346656037)  # FNV-1a, 64 bit: offset basis and prime
_PRIME: Final = np.uint64(1099511628211)
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)  # the first multiplier of splitmix64's finaliser

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into unit vectors, as chatlog.models.embedders does."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors, `(len(texts), dim) float32`."""


@dataclass(frozen=True)
class Grams:
    """The sparse half of the features, in CSR form.

    Attributes:
        starts: where each text's entries begin, `(n + 1,) int64`.
        buckets: `(entries,) int64`, below BUCKETS.
        weights: `(entries,) float32`; each text's have unit length.
    """

    starts: npt.NDArray[np.int64]
    buckets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


def windows(text: str, limit: int) -> tuple[list[str], int]:
    """At most `limit` windows that cover the text from its start, and how many characters they leave out."""
    found: list[str] = []
    start = 0
    while start < len(text) and len(found) < limit:
        end = start + WINDOW
        if end < len(text):
            # A cut inside a word would hide it from both windows.
            space = text.rfind(" ", start + WINDOW // 2, end)
            end = space if space > 0 else end
        found.append(text[start:end])
        start = end
    return found, max(0, len(text) - start)


def grams(texts: Sequence[str]) -> Grams:
    """Hashed character n-grams of 2 to 5 code points, weighted 1 + log(count), of each text."""
    starts = [0]
    buckets: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    weights: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)]
    for text in texts:
        found, count = np.unique(_hashes(text), return_counts=True)
        weight = 1 + np.log(count)
        starts.append(starts[-1] + len(found))
        buckets.append(found)
        weights.append((weight / max(float(np.linalg.norm(weight)), 1e-12)).astype(np.float32))
    return Grams(np.array(starts, np.int64), np.concatenate(buckets), np.concatenate(weights))


def _hashes(text: str) -> npt.NDArray[np.int64]:
    # Width, case and spacing are the cheapest ways around a word list.
    folded = f" {' '.join(unicodedata.normalize('NFKC', text).lower().split())} "
    points = np.frombuffer(folded.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    hashes = np.full(len(points), _OFFSET, dtype=np.uint64)
    found: list[npt.NDArray[np.uint64]] = []
    for length in range(1, min(LONGEST, len(points)) + 1):
        ends = len(points) - length + 1
        hashes = (hashes[:ends] ^ points[length - 1 :]) * _PRIME
        if length >= SHORTEST:
            mixed = (hashes ^ (hashes >> np.uint64(29))) * _MIX
            found.append((mixed ^ (mixed >> np.uint64(32))) & np.uint64(BUCKETS - 1))
    return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)
