"""Semantic duplicates: rows whose vectors point almost the same way (SemDeDup, Abbas et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from chatlog.models.clusters import Matrix, fit_clusters

Rows = npt.NDArray[np.int64]

_WHOLE: Final = 8_192
"""Rows that are compared each with each; more are clustered first, as SemDeDup does, and compared within clusters."""

_SAMPLE: Final = 20_000
"""Rows that clusters are fitted on."""

_BLOCK: Final = 2_048


def semantic_duplicates(vectors: Matrix, threshold: float, seed: int) -> tuple[Rows, Matrix]:
    """For each row the earliest row that is kept and like it, -1 for rows that are kept; and how like, (n,) each.

    A row is a duplicate of the first row before it that is none itself and has a cosine of `threshold` or more.
    Equal vectors always find each other; others are compared within clusters, so that the work stays near-linear.

    Args:
        vectors: (n, dim) float32 of unit length, without rows of zeros.
        threshold: cosine, 0 to 1.
        seed: of the clusters.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    of = np.full(len(vectors), -1, dtype=np.int64)
    cosine = np.full(len(vectors), np.nan, dtype=np.float32)
    first = _first_equal(vectors)
    again = first != np.arange(len(vectors))
    of[again], cosine[again] = first[again], 1.0
    alone = np.flatnonzero(~again)
    for members in _clusters(vectors, alone, seed):
        _within(vectors, members, threshold, of, cosine)
    # What equals a duplicate is one of the row that is kept.
    moved = again & (of[first] >= 0)
    of[moved], cosine[moved] = of[first[moved]], cosine[first[moved]]
    return of, cosine


def _first_equal(vectors: Matrix) -> Rows:
    rows = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.dtype.itemsize * vectors.shape[1]))).ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    found: Rows = first[inverse.ravel()].astype(np.int64)
    return found


def _clusters(vectors: Matrix, rows: Rows, seed: int) -> Iterator[Rows]:
    """Parts of the rows of at most _WHOLE, each in order; the like are together."""
    if len(rows) <= _WHOLE:
        yield rows
        return
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), min(len(rows), _SAMPLE), replace=False))
    count = min(256, -(-len(rows) * 4 // _WHOLE))
    clusters = fit_clusters(vectors[rows[chosen]], count, seed)
    nearest = np.concatenate(
        [clusters.assign(vectors[rows[at : at + _BLOCK]])[0] for at in range(0, len(rows), _BLOCK)]
    )
    for number in range(count):
        part = rows[nearest == number]
        if len(part) > len(rows) * 0.9:  # nothing to tell them apart by: runs of them are compared
            yield from (part[at : at + _WHOLE] for at in range(0, len(part), _WHOLE))
        elif len(part):
            yield from _clusters(vectors, part, seed)


def _within(vectors: Matrix, rows: Rows, threshold: float, of: Rows, cosine: Matrix) -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # a product summed by another number of threads has other last bits
        for start in range(0, len(rows), _BLOCK):
            mine = rows[start : start + _BLOCK]
            earlier = rows[: start + len(mine)]
            products = vectors[mine] @ vectors[earlier].T
            for place in np.flatnonzero((np.tril(products, start - 1) >= threshold).any(axis=1)).tolist():
                row = mine[place]
                like = np.flatnonzero(products[place, : start + place] >= threshold)
                like = like[of[earlier[like]] < 0]
                if like.size:
                    of[row], cosine[row] = earlier[like[0]], min(1.0, float(products[place, like[0]]))
