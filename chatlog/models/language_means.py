"""What embeddings say about the language itself, taken out of them, so that topics are not languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

LEAST: Final = 30
"""Vectors below which a language has no mean of its own: a mean of few is their topics, not their language."""

LEAST_SHARE: Final = 0.002
"""Share of all vectors below which it has none: in large logs, rare codes are mostly misread short texts."""

RARE: Final = "rare"
"""Under which the mean of all languages is kept that have none of their own, where they are enough together."""

UNSURE: Final = ""
"""The code of a text whose language is not certain; it goes with the most frequent language.

Were such texts a group of their own, its mean would be a topic's: code and sums have no language, and the
identifier takes some English questions for Silesian by the words of their topic.
"""


@dataclass(frozen=True)
class LanguageMeans:
    """The mean vector of each language; subtracting it aligns languages (Libovický et al., 2020, arXiv 2004.05160).

    Attributes:
        means: `(dim,) float32` by language code, and by RARE that of all others together.
        main: that of the most frequent language, for texts whose language is not certain: among themselves and
            beside that language they stay where they were.
    """

    means: dict[str, Matrix]
    main: Matrix

    def remove(self, vectors: Matrix, codes: Sequence[str]) -> Matrix:
        """`vectors`, `(n, dim) float32`, each less the mean of its language."""
        if not len(vectors):
            return vectors
        rare = self.means.get(RARE, self.main)
        return vectors - np.stack([self.main if code == UNSURE else self.means.get(code, rare) for code in codes])


def fit_language_means(vectors: Matrix, codes: Sequence[str], scale: float = 1.0) -> LanguageMeans:
    """Means of `vectors`, `(n, dim) float32`, by the code of each, of languages with LEAST and more; times `scale`."""
    means: dict[str, Matrix] = {}
    counts = Counter(code for code in codes if code != UNSURE)
    own = {code for code, count in counts.items() if count >= max(LEAST, LEAST_SHARE * len(codes))}
    named = np.array([code if code in own or code == UNSURE else RARE for code in codes], dtype=object)
    for code in sorted({*own, RARE}):
        if (named == code).sum() >= LEAST:
            means[code] = (scale * vectors[named == code].mean(axis=0, dtype=np.float64)).astype(np.float32)
    nothing = np.zeros(vectors.shape[1], dtype=np.float32)
    main = max(sorted(own), key=lambda code: counts[code], default=UNSURE)
    return LanguageMeans(means, means.get(main, nothing))
