"""The space in which topics are found: embeddings less their language, in few dimensions, drawn to their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra
from chatlog.models.language_means import LanguageMeans, fit_language_means

Matrix = npt.NDArray[np.float32]

NEUTRAL: Final = 0.5
"""How much of the mean of its language is taken out of a vector. All of it would also take what the speakers of a
language ask for most."""

LANDMARKS: Final = 10_000
"""Sampled vectors, at most, that others are drawn to: with twice as many, placing a row costs twice as much."""

_AXES: Final = (30, 64, 128)
# Fewest, without a number of topics, and most. K topics need somewhat more than k axes to stand apart; far more of them
# are noise.

_ROWS_PER_AXIS: Final = 20
# Without a number of topics: in many axes, no criterion finds topics in few rows.

_NEIGHBOURS: Final = 15
_ROUNDS: Final = 3
# 15 neighbours and 3 rounds do better than 25 on Banking77 and as well as 8, which is too few for ten languages.

_LIKE: Final = 5
_FEWEST: Final = 100
# Landmarks below which nothing is an outlier: fewer say little about what is usual.

_CHUNK: Final = 2048


@dataclass(frozen=True)
class Space:
    """Takes embeddings to points that lie closer together where they are alike.

    Each vector loses half of its language's mean, is told in the principal axes of the sample, scaled to unit length,
    and moved halfway to the mean of its nearest landmarks, which were themselves moved to theirs three times: what is
    called diffusion on the graph of neighbours. Gaps between topics grow by it: on the English questions of SIB-200,
    k-means reaches an NMI of 0.50 in place of 0.38.

    Attributes:
        means: of the languages, each scaled by NEUTRAL.
        middle: `(dim,) float32`, the mean of the sample.
        axes: `(dim, d) float32`.
        landmarks: `(m, d) float32` of unit length.
        moved: `(m, d) float32` of unit length, where those came to.
        floor: the cosine with the fifth nearest landmark below which a vector is an outlier.
    """

    means: LanguageMeans
    middle: Matrix
    axes: Matrix
    landmarks: Matrix
    moved: Matrix
    floor: float

    @property
    def width(self) -> int:
        """Leading dimensions of the embeddings that are read."""
        return len(self.middle)

    def place(self, vectors: Matrix, codes: Sequence[str]) -> tuple[Matrix, npt.NDArray[np.bool_]]:
        """The points, `(n, d) float32` of unit length, and which are outliers, `(n,) bool`.

        Args:
            vectors: `(n, width) float32`.
            codes: the language of each.
        """
        from threadpoolctl import threadpool_limits

        points = _project(unit(self.means.remove(vectors, codes)), self.middle, self.axes)
        outliers = np.zeros(len(points), dtype=bool)
        with threadpool_limits(1):
            for part, found, cosine in self._near(points):
                outliers[part] = _fifth(cosine) < self.floor
                points[part] = _moved(points[part], self.moved, found, cosine)
        return points, outliers

    def likeness(self, vectors: Matrix, codes: Sequence[str]) -> Matrix:
        """The cosine of each vector with its fifth nearest landmark, `(n,) float32`."""
        points = _project(unit(self.means.remove(vectors, codes)), self.middle, self.axes)
        far = np.full(len(points), -1, dtype=np.float32)
        for part, _, cosine in self._near(points):
            far[part] = _fifth(cosine)
        return far

    def _near(self, points: Matrix) -> Iterator[tuple[slice, npt.NDArray[np.int64], Matrix]]:
        """For a part of the points at a time, their nearest landmarks and the cosines with them."""
        if len(self.landmarks):
            near = min(_NEIGHBOURS, len(self.landmarks))
            for part in _parts(len(points)):
                yield part, *_nearest(points[part] @ self.landmarks.T, near)


def fit_space(vectors: Matrix, codes: Sequence[str], k: int, outliers: float, seed: int) -> Space:
    """The space of `vectors`, `(n, dim) float32`, whose languages are `codes`.

    Args:
        vectors: of the sample, in any order.
        codes: one for each.
        k: topics that are sought; 0 for any number.
        outliers: the share of the sample that is least like its fifth nearest landmark; what is less like is an
            outlier, here and elsewhere. The distance to the k-th neighbour is the measure of Ramaswamy, Rastogi and
            Shim (2000); the fifth tells better than the fifteenth what is new on Banking77 and CLINC150.
        seed: of the landmarks.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    from threadpoolctl import threadpool_limits

    means = fit_language_means(vectors, codes, NEUTRAL)
    # At unit length: what the embedder writes shorter (another language than English) counts as much for the axes.
    neutral = unit(means.remove(vectors, codes))
    # What was asked a thousand times is one landmark: neighbours are others that ask alike.
    distinct = np.unique(neutral, axis=0)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(distinct), min(LANDMARKS, len(distinct)), replace=False))
    fewest, usual, most = _AXES
    with threadpool_limits(1):
        count = min(max(fewest, k * 3 // 2), most) if k else min(max(8, len(chosen) // _ROWS_PER_AXIS), usual)
        middle, axes = _principal_axes(distinct[chosen], count, seed)
        landmarks = _project(distinct[chosen], middle, axes)
        moved, far = _diffuse(landmarks)
    floor = -2.0
    if outliers and len(far) >= _FEWEST:
        floor = float(np.quantile(far, outliers))
    return Space(means, middle, axes, landmarks, moved, floor)


def plain_space(width: int) -> Space:
    """The space of embeddings of `width` dimensions as they are, at unit length."""
    nothing = np.zeros(width, dtype=np.float32)
    none = np.zeros((0, width), dtype=np.float32)
    return Space(LanguageMeans({}, nothing), nothing, np.eye(width, dtype=np.float32), none, none, -2.0)


def _principal_axes(vectors: Matrix, count: int, seed: int) -> tuple[Matrix, Matrix]:
    """The mean, `(dim,)`, and the axes of greatest spread, `(dim, at most count)`."""
    if len(vectors) < 2:  # no spread
        return np.zeros(vectors.shape[1], dtype=np.float32), np.eye(vectors.shape[1], 1, dtype=np.float32)
    try:
        from sklearn.decomposition import PCA
    except ImportError as error:
        raise MissingExtra("clustering", "embed") from error
    count = min(count, len(vectors) - 1, vectors.shape[1])
    fitted = PCA(count, svd_solver="covariance_eigh", random_state=seed).fit(vectors.astype(np.float64))
    return fitted.mean_.astype(np.float32), np.ascontiguousarray(fitted.components_.T.astype(np.float32))


def _project(vectors: Matrix, middle: Matrix, axes: Matrix) -> Matrix:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return unit((vectors - middle) @ axes)


def _diffuse(landmarks: Matrix) -> tuple[Matrix, Matrix]:
    """Where landmarks come to, `(m, d)`, and the cosine of each with its fifth nearest, itself counted, `(m,)`."""
    near = min(_NEIGHBOURS, len(landmarks))
    far = np.zeros(len(landmarks), dtype=np.float32)
    points = landmarks
    for round_ in range(_ROUNDS if near > 1 else 0):
        after = np.empty_like(points)
        for part in _parts(len(points)):
            cosine = points[part] @ points.T
            if round_ == 0:
                far[part] = _fifth(_nearest(cosine, near)[1])
            cosine[np.arange(len(cosine)), np.arange(part.start, part.start + len(cosine))] = -2
            after[part] = _moved(points[part], points, *_nearest(cosine, near - 1))
        points = after
    return points, far


def _nearest(cosine: Matrix, count: int) -> tuple[npt.NDArray[np.int64], Matrix]:
    found = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
    return found, np.take_along_axis(cosine, found, axis=1)


def _fifth(cosine: Matrix) -> Matrix:
    """The fifth greatest of each row, or the least where there are fewer."""
    count = min(_LIKE, cosine.shape[1])
    found: Matrix = np.partition(cosine, -count, axis=1)[:, -count]
    return found


def _moved(points: Matrix, others: Matrix, found: npt.NDArray[np.int64], cosine: Matrix) -> Matrix:
    """Each point halfway to the mean of the others that were found, weighted by the square of the cosine."""
    weight = np.square(np.maximum(cosine, 0))
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return unit(points + unit(np.einsum("nk,nkd->nd", weight, others[found])))


def unit(vectors: npt.NDArray[np.floating]) -> Matrix:
    """The vectors at unit length, `(n, d) float32`; zeros stay zeros."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Matrix = (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)
    return scaled


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, n, _CHUNK))
