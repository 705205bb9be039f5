"""Clusters of unit vectors by k-means, the number of them by a stated criterion, in one thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra

Matrix = npt.NDArray[np.float32]

GRID: Final = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""The numbers of clusters that are tried, each about 1.4 times the one before."""

_SEARCH_ROWS: Final = 3000
# The criterion finds ever finer clusters in ever more rows; on so many it finds what a person can read: 96 on
# the 77 intents of Banking77 and on the 150 of CLINC150.

_STARTS: Final = 4


@dataclass(frozen=True)
class Clusters:
    """Fitted clusters, the largest first.

    Attributes:
        centres: `(k, dim) float32`.
    """

    centres: Matrix

    def assign(self, vectors: Matrix) -> tuple[npt.NDArray[np.int32], Matrix]:
        """The nearest centre of each vector, `(n,) int32`, and its Euclidean distance, `(n,) float32`."""
        from threadpoolctl import threadpool_limits

        # A product summed by another number of threads has other last bits.
        with threadpool_limits(1):
            squared = (
                np.einsum("ij,ij->i", vectors, vectors)[:, None]
                - 2 * (vectors @ self.centres.T)
                + np.einsum("ij,ij->i", self.centres, self.centres)[None, :]
            )
        nearest = squared.argmin(axis=1).astype(np.int32)
        least = squared[np.arange(len(vectors)), nearest]
        return nearest, np.sqrt(np.maximum(least, 0)).astype(np.float32)


def fit_clusters(vectors: Matrix, k: int, most: int, seed: int) -> Clusters:
    """K-means on `vectors`, `(n, dim) float32`; `k` clusters, or as many as the criterion says where k is 0.

    The criterion is the Bayesian information criterion of spherical Gaussians that share one variance, as in
    X-means (Pelleg and Moore, 2000): the k of GRID, at most `most`, with the greatest value. Never more
    clusters than distinct vectors.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    if not len(vectors):
        return Clusters(np.zeros((0, vectors.shape[1]), dtype=np.float32))
    from threadpoolctl import threadpool_limits

    # A dimension that is zero everywhere (padding) is no evidence.
    used = vectors.any(axis=0)
    narrow = np.ascontiguousarray(vectors[:, used]) if used.any() else vectors[:, :1]
    with threadpool_limits(1):
        distinct = len(np.unique(narrow, axis=0))
        if k == 0:
            k = _best_k(_thin(narrow, seed), most, seed)
        k = min(k, distinct)
        model = _kmeans(narrow, k, seed, _STARTS)
    sizes = np.bincount(model.labels_, minlength=k)
    order = np.argsort(-sizes, kind="stable")
    centres = np.zeros((k, vectors.shape[1]), dtype=np.float32)
    centres[:, used if used.any() else [0]] = model.cluster_centers_[order]
    return Clusters(centres)


def _best_k(vectors: Matrix, most: int, seed: int) -> int:
    distinct = len(np.unique(vectors, axis=0))
    best, best_value, worse = (
        1,
        _bic_of(vectors, np.zeros(len(vectors), dtype=np.intp), vectors.mean(axis=0)[None]),
        0,
    )
    for k in GRID:
        # Clusters of fewer than three rows on average cannot be told from noise.
        if k > most or k > distinct or k * 3 > len(vectors):
            break
        model = _kmeans(vectors, k, seed, 1)
        value = _bic_of(vectors, model.labels_, model.cluster_centers_)
        if value > best_value:
            best, best_value, worse = k, value, 0
        else:
            worse += 1
            # The criterion falls for good once its price outruns the gain; three steps rule out a dent.
            if worse == 3:
                break
    return best


def _bic_of(vectors: Matrix, labels: npt.NDArray[np.intp], centres: Matrix) -> float:
    n, dim = vectors.shape
    k = len(centres)
    spread = float(np.square(vectors - centres[labels]).sum(dtype=np.float64))
    variance = max(spread / (dim * max(1, n - k)), 1e-12)
    sizes = np.bincount(labels, minlength=k)
    sizes = sizes[sizes > 0]
    likelihood = (
        float((sizes * np.log(sizes / n)).sum()) - n * dim / 2 * float(np.log(2 * np.pi * variance)) - dim * (n - k) / 2
    )
    parameters = k - 1 + k * dim + 1
    return float(likelihood - parameters / 2 * np.log(n))


def _thin(vectors: Matrix, seed: int) -> Matrix:
    if len(vectors) <= _SEARCH_ROWS:
        return vectors
    chosen = np.random.default_rng(seed).choice(len(vectors), _SEARCH_ROWS, replace=False)
    thinned: Matrix = vectors[np.sort(chosen)]
    return thinned


def _kmeans(vectors: Matrix, k: int, seed: int, starts: int) -> Any:
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingExtra("clustering", "embed") from error
    return KMeans(n_clusters=k, n_init=starts, random_state=seed).fit(vectors)
