"""Clusters of vectors by k-means, in one thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra

Matrix = npt.NDArray[np.float32]

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


def fit_clusters(vectors: Matrix, k: int, seed: int) -> Clusters:
    """`k` clusters of `vectors`, `(n, dim) float32`, by k-means; never more than distinct vectors.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    if not len(vectors):
        return Clusters(np.zeros((0, vectors.shape[1]), dtype=np.float32))
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingExtra("clustering", "embed") from error
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        k = min(k, len(np.unique(vectors, axis=0)))
        model = KMeans(n_clusters=k, n_init=_STARTS, random_state=seed).fit(vectors)
    order = np.argsort(-np.bincount(model.labels_, minlength=k), kind="stable")
    return Clusters(np.ascontiguousarray(model.cluster_centers_[order].astype(np.float32)))
