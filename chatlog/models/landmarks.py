"""A map of vectors in two dimensions: t-SNE of a few landmarks, every other point among its nearest ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra

Matrix = npt.NDArray[np.float32]

LANDMARKS: Final = 6000
"""Points that t-SNE lays out: a minute of one core; the cost grows with n log n. On the 11,182 questions of CLINC150
5,000 of them keep 51 % of the ten nearest neighbours near on the map, and 2,000 as few as UMAP of all (42 %)."""

_NEIGHBOURS: Final = 5

_SHARPNESS: Final = 25.0
# Weight of a landmark is exp(25 x cosine): one that is 0.1 nearer weighs 12 times as much, so that a point
# stands beside its best landmark and is only shaded by the others.

_CHUNK: Final = 4096


@dataclass(frozen=True)
class Map:
    """A fitted map.

    Attributes:
        landmarks: `(m, dim) float32` of unit length, the points that were laid out.
        places: `(m, 2) float32`, where; the largest coordinate is 1 or -1.
    """

    landmarks: Matrix
    places: Matrix

    def place(self, vectors: Matrix) -> Matrix:
        """Where each vector stands, `(n, 2) float32`."""
        from threadpoolctl import threadpool_limits

        out = np.zeros((len(vectors), 2), dtype=np.float32)
        if not len(self.landmarks):
            return out
        vectors = _unit(vectors)
        near = min(_NEIGHBOURS, len(self.landmarks))
        with threadpool_limits(1):
            for start in range(0, len(vectors), _CHUNK):
                cosine = vectors[start : start + _CHUNK] @ self.landmarks.T
                best = np.argpartition(-cosine, near - 1, axis=1)[:, :near]
                score = np.take_along_axis(cosine, best, axis=1)
                weight = np.exp(_SHARPNESS * (score - score.max(axis=1, keepdims=True)))
                weight /= weight.sum(axis=1, keepdims=True)
                out[start : start + _CHUNK] = np.einsum("nk,nkd->nd", weight, self.places[best])
        return out


def fit_map(vectors: Matrix, seed: int, landmarks: int = LANDMARKS) -> Map:
    """A map fitted on `vectors`, `(n, dim) float32`; on so many `landmarks` of them at most.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    from threadpoolctl import threadpool_limits

    distinct = np.unique(_unit(vectors), axis=0)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(distinct), min(landmarks, len(distinct)), replace=False))
    laid_out: Matrix = np.ascontiguousarray(distinct[chosen])
    with threadpool_limits(1):
        places = _lay_out(laid_out, seed)
    if len(places):
        places = places - places.mean(axis=0, keepdims=True)
    scale = float(np.abs(places).max(initial=0)) or 1.0
    return Map(laid_out, (places / scale).astype(np.float32))


def _unit(vectors: Matrix) -> Matrix:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Matrix = (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)
    return scaled


def _lay_out(vectors: Matrix, seed: int) -> Matrix:
    if len(vectors) < 8:
        # Too few for neighbourhoods: the plane of their greatest spread.
        centred = vectors - vectors.mean(axis=0, keepdims=True) if len(vectors) else vectors
        left, scale, _ = np.linalg.svd(centred, full_matrices=False)
        flat = np.zeros((len(vectors), 2), dtype=np.float32)
        width = min(2, len(scale))
        flat[:, :width] = left[:, :width] * scale[:width]
        return flat
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise MissingExtra("the map of topics", "embed") from error
    perplexity = float(min(30, (len(vectors) - 1) / 3))
    layout = TSNE(perplexity=perplexity, init="pca", metric="cosine", learning_rate="auto", random_state=seed, n_jobs=1)
    places: Matrix = layout.fit_transform(vectors)
    return places
