"""Fits the heads: weighted logistic regression on both feature blocks, then calibration and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import MissingExtra
from chatlog.models.moderator.examples import Examples
from chatlog.models.moderator.features import BUCKETS, DIMENSIONS, VECTOR_SCALE, Encoder, Vectors, grams, windows
from chatlog.models.moderator.heads import HEADS, Heads

PENALTY: Final = 0.1
"""L2 penalty on the sum of weighted losses (1 / C of scikit-learn)."""

FEWEST_POSITIVES: Final = 10
"""A head with fewer positive rows is not made: its category stays null, where 0 would be a claim."""

SHARE: Final = 0.25
"""Share of violations that probabilities and thresholds refer to, where no reference set tells one."""

FALSE_ALARMS: Final = 0.003
"""Share of ordinary chat messages that one head may flag; several heads and long messages add up to more."""

WINDOWS: Final = 8
"""Windows of a training text that are fitted."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Windows of all texts, ready to fit.

    Attributes:
        owner: `(windows,) int64`, the text that each window is of.
        vectors: `(windows, DIMENSIONS) float32`.
        grams: `(windows, BUCKETS)` CSR matrix.
    """

    owner: npt.NDArray[np.int64]
    vectors: Vectors
    grams: Any

    def logits(self, heads: Heads, rows: npt.NDArray[np.bool_]) -> Floats:
        """Log-odds of the marked texts, `(rows.sum(), heads) float64`: the largest of each text's windows."""
        chosen = np.flatnonzero(rows[self.owner])
        found = VECTOR_SCALE * self.vectors[chosen] @ heads.vector.T + self.grams[chosen] @ heads.grams.T
        first = np.unique(self.owner[chosen], return_index=True)[1]
        return np.asarray(np.maximum.reduceat(found + heads.bias, first), dtype=np.float64)


def featurize(texts: Sequence[str], encoder: Encoder) -> Features:
    """The features of each text's windows; a text without a character counts as one empty window."""
    try:
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise MissingExtra("training a moderator", "embed") from error
    pieces: list[str] = []
    owner: list[int] = []
    for index, text in enumerate(texts):
        found = windows(text, WINDOWS)[0] or [""]
        pieces += found
        owner += [index] * len(found)
    table = grams(pieces)
    matrix = csr_matrix((table.weights, table.buckets, table.starts), shape=(len(pieces), BUCKETS))
    return Features(np.array(owner, dtype=np.int64), encoder.encode(pieces), matrix)


def fit(features: Features, data: Examples, rows: npt.NDArray[np.bool_]) -> Heads:
    """Uncalibrated heads, fitted on the marked rows; a head without enough positives is left out."""
    share = 1 / np.bincount(features.owner, minlength=len(data.texts))
    names, vectors, tables, biases = [], [], [], []
    for column, name in enumerate(HEADS):
        target = data.targets[:, column]
        used = rows & (data.weights > 0) & ~np.isnan(target)
        if min((target[used] == 1).sum(), (target[used] == 0).sum()) < FEWEST_POSITIVES:
            continue
        weights = np.where(used, balanced(data.weights, target, used, 0.5), 0) * share
        chosen = np.flatnonzero(weights[features.owner])
        owner = features.owner[chosen]
        vector, table, bias = _logistic(
            VECTOR_SCALE * features.vectors[chosen],
            features.grams[chosen],
            target[owner],
            weights[owner],
            reference=data.reference[owner],
        )
        names.append(name)
        vectors.append(vector)
        tables.append(table)
        biases.append(bias)
    return Heads(
        tuple(names),
        np.array(vectors, dtype=np.float32).reshape(len(names), DIMENSIONS),
        np.array(tables, dtype=np.float32).reshape(len(names), BUCKETS),
        np.array(biases, dtype=np.float32),
        np.full(len(names), 0.5, dtype=np.float32),
    )


def balanced(
    weights: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    used: npt.NDArray[np.bool_],
    share: float,
) -> Floats:
    """The weights, scaled so that positives among the `used` rows hold `share` of an unchanged total."""
    scaled = np.where(used, weights, 0).astype(np.float64)
    total = scaled.sum()
    for label, part in ((1, share), (0, 1 - share)):
        members = used & (target == label)
        scaled[members] *= part * total / max(scaled[members].sum(), 1e-12)
    return scaled


def calibrated(heads: Heads, held_out: Floats, data: Examples) -> Heads:
    """The heads with calibrated log-odds and thresholds, from held-out log-odds `(n, heads)`.

    Platt scaling (a line through the log-odds); a head's threshold has the best F1. Both on rows weighted
    so that as many violate as among the reference rows: one in four at all, one in twenty a rare category.
    In logs of chats far fewer do: a threshold is raised until at most FALSE_ALARMS of the rows of sets that
    hold ordinary chats alone are above it.
    """
    slopes, shifts, thresholds = [], [], []
    harmful = np.unique(data.sets[data.targets[:, 0] == 1])
    benign = ~np.isin(data.sets, harmful)
    for column, name in enumerate(heads.names):
        target = data.targets[:, HEADS.index(name)]
        used = (data.weights > 0) & ~np.isnan(target) & ~np.isnan(held_out[:, column])
        known = used & data.reference
        share = float(target[known].mean()) if known.sum() >= FEWEST_POSITIVES else SHARE
        weights = balanced(data.weights, target, used, share)[used]
        logits, labels = held_out[used, column], target[used]
        slope, _, shift = _logistic(logits[:, None], None, labels, weights, penalty=1e-6)
        scaled = slope[0] * logits + shift
        slopes.append(slope[0])
        shifts.append(shift)
        cut = max(_best_cut(scaled, labels, weights), _quiet_cut(scaled[benign[used]]))
        thresholds.append(1 / (1 + np.exp(-cut)))
    slope_column = np.array(slopes, dtype=np.float32)
    return Heads(
        heads.names,
        heads.vector * slope_column[:, None],
        heads.grams * slope_column[:, None],
        heads.bias * slope_column + np.array(shifts, dtype=np.float32),
        np.array(thresholds, dtype=np.float32),
    )


def _quiet_cut(scores: Floats) -> float:
    """The least log-odds that at most FALSE_ALARMS of the scores exceed; minus infinity for no scores."""
    return float(np.quantile(scores, 1 - FALSE_ALARMS)) if len(scores) else -np.inf


def _best_cut(scores: Floats, labels: npt.NDArray[np.float32], weights: Floats) -> float:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(np.where(labels[order] == 1, weights[order], 0))
    taken = np.cumsum(weights[order])
    f1 = 2 * hits / (taken + hits[-1])
    return float(scores[order][int(np.argmax(f1))])


def _logistic(
    dense: npt.NDArray[Any],
    sparse: Any,
    target: npt.NDArray[Any],
    weights: Floats,
    *,
    reference: npt.NDArray[np.bool_] | None = None,
    penalty: float = PENALTY,
) -> tuple[Floats, Floats, float]:
    """Coefficients of the dense and the sparse block, and the intercept, at the least penalised loss.

    With `reference`, coefficients are the sum of a part that all rows share and one that the reference rows
    alone have (H. Daumé III, Frustratingly Easy Domain Adaptation, ACL 2007).
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    # Buckets that no row fills keep a coefficient of zero, whatever the loss.
    filled = np.empty(0, dtype=np.int64) if sparse is None else np.unique(sparse.indices)
    blocks = [_Block(dense, None if sparse is None else sparse[:, filled], np.arange(len(target)))]
    if reference is not None and reference.any() and not reference.all():
        rows = np.flatnonzero(reference)
        blocks.append(_Block(dense[rows], sparse[rows][:, filled], rows))
    width = dense.shape[1] + len(filled) + 1
    signs = np.where(target == 1, 1.0, -1.0)

    def loss(theta: Floats) -> tuple[float, Floats]:
        parts = theta.reshape(len(blocks), width)
        margin = np.zeros(len(target))
        for block, part in zip(blocks, parts, strict=True):
            margin[block.rows] += block.margin(part)
        margin *= signs
        slope = -signs * weights / (1 + np.exp(np.clip(margin, -500, 500)))
        gradient = np.array([block.gradient(slope[block.rows], width) for block in blocks])
        gradient[:, :-1] += penalty * parts[:, :-1]
        # The shared intercept is free; a deviation from it costs as any other coefficient does.
        gradient[1:, -1] += penalty * parts[1:, -1]
        squares = (parts[:, :-1] ** 2).sum() + (parts[1:, -1] ** 2).sum()
        value = float(weights @ np.logaddexp(0, -margin) + penalty / 2 * squares)
        return value, gradient.ravel()

    options = {"maxiter": 120, "ftol": 1e-7}
    best = minimize(loss, np.zeros(len(blocks) * width), jac=True, method="L-BFGS-B", options=options).x
    total = best.reshape(len(blocks), width).sum(axis=0)
    table = np.zeros(0 if sparse is None else sparse.shape[1])
    table[filled] = total[dense.shape[1] : -1]
    return total[: dense.shape[1]], table, float(total[-1])


@dataclass(frozen=True)
class _Block:
    """Rows that have coefficients of their own."""

    dense: npt.NDArray[Any]
    sparse: Any
    rows: npt.NDArray[np.int64]

    def margin(self, part: Floats) -> Floats:
        # The features are float32: a product in their own type reads half the memory and copies nothing.
        single = part.astype(self.dense.dtype)
        found: Floats = (self.dense @ single[: self.dense.shape[1]]).astype(np.float64) + part[-1]
        if self.sparse is not None:
            found += self.sparse @ single[self.dense.shape[1] : -1]
        return found

    def gradient(self, slope: Floats, width: int) -> Floats:
        single = slope.astype(self.dense.dtype)
        found = np.empty(width)
        found[: self.dense.shape[1]] = single @ self.dense
        if self.sparse is not None:
            found[self.dense.shape[1] : -1] = single @ self.sparse
        found[-1] = slope.sum()
        return found
