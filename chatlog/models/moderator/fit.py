"""Fits the mixture: weighted logistic regressions, then calibration and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError, MissingExtra
from chatlog.models.moderator.examples import ANY, HEADS, Examples
from chatlog.models.moderator.features import WIDTH, Encoder, Seen, Vectors, see, windows
from chatlog.models.moderator.mixture import DOMAINS, HATE, POLICY, REQUEST, SOCIAL, Floats, Mixture
from chatlog.schema import CATEGORIES

STRENGTH: Final = {POLICY: 1.6, REQUEST: 3.3, HATE: 7.5, SOCIAL: 7.5}
"""Inverse penalty (C of scikit-learn) of each expert. The fewer and the more varied its rows, the more is held back."""

CATEGORY_STRENGTH: Final = 1.6
GATE_STRENGTH: Final = 10.0
GATE_ROWS: Final = 2000
"""Rows of a kind of text that the gate is fitted on."""

ANY_WEIGHT: Final = 0.25
"""What rows that are harmless as anything weigh less where texts are long and of one language."""

FEWEST_POSITIVES: Final = 10
"""A head with fewer positive rows is not made: its category stays null, where 0 would be a claim."""

SHARE: Final = 0.25
"""Share of violations that probabilities and thresholds refer to, where no reference set tells one."""

FALSE_ALARMS: Final = 0.01
"""Share of ordinary chat messages that one head may flag; several heads and long messages add up to more."""

WINDOWS: Final = 8
"""Windows of a training text that are fitted."""

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Features:
    """Windows of all texts and their pieces, ready to fit.

    Attributes:
        owner: `(rows,) int64`, the text that each row is of, ascending.
        seen: the rows; pieces are scored and never fitted, since nobody labelled them.
    """

    owner: npt.NDArray[np.int64]
    seen: Seen

    def logits(self, mixture: Mixture, rows: Rows) -> Floats:
        """Log-odds of the marked texts, `(rows.sum(), names) float64`: the largest of each text's windows."""
        chosen = np.flatnonzero(rows[self.owner])
        seen = Seen(self.seen.owner[chosen], self.seen.part[chosen], self.seen.vectors[chosen])
        return mixture.largest(seen, self.owner[chosen])


def featurize(texts: Sequence[str], encoder: Encoder) -> Features:
    """The features of each text's windows; a text without a character counts as one empty window."""
    found: list[str] = []
    owner: list[int] = []
    for index, text in enumerate(texts):
        own = windows(text, WINDOWS)[0] or [""]
        found += own
        owner += [index] * len(own)
    seen = see(found, encoder)
    return Features(np.array(owner, dtype=np.int64)[seen.owner], seen)


def fit(features: Features, data: Examples, rows: Rows) -> Mixture:
    """An uncalibrated mixture, fitted on the marked rows.

    A kind of text, or a category, without enough rows of either class is left out.

    Raises:
        DataError: there are too few flagged or unflagged rows for the first expert.
    """
    used = rows & (data.weights > 0)
    flagged = data.targets[:, 0]
    domains, experts = [], []
    for domain in DOMAINS:
        own = data.domains == DOMAINS.index(domain)
        target = flagged
        if domain == HATE:
            # What OpenAI's policy calls hate speaks for this expert as well.
            known = ~np.isnan(data.targets[:, HEADS.index("hate")])
            own |= data.reference & known
            target = np.where(known, data.targets[:, HEADS.index("hate")], flagged)
        if domain == POLICY or ((data.domains == DOMAINS.index(domain)) & used).any():
            rows_used = used & (own | (data.domains == ANY))
            found = _head(features, data, rows_used, target, STRENGTH[domain], ANY_WEIGHT if domain == POLICY else 1)
            if found is not None:
                domains.append(domain)
                experts.append(found)
    if not domains or domains[0] != POLICY:
        raise DataError(f"{', '.join(data.names)}: too few flagged or unflagged rows to train on")
    categories, heads, summed = [], [], []
    policy = used & ((data.domains == DOMAINS.index(POLICY)) | (data.domains == ANY))
    for name in CATEGORIES:
        target = data.targets[:, HEADS.index(name)]
        found = _head(features, data, policy, target, CATEGORY_STRENGTH, ANY_WEIGHT, even=True)
        if found is not None:
            categories.append(name)
            heads.append(found)
            annotated = used & data.reference & (target == 1)
            summed.append(float(annotated.sum() >= FEWEST_POSITIVES))
    gate, gate_bias = _gate(features, data, used, domains)
    nothing = np.zeros(1 + len(categories), dtype=np.float32)
    return Mixture(
        tuple(domains),
        tuple(categories),
        gate,
        gate_bias,
        _stacked([weights for weights, _ in experts]),
        np.array([bias for _, bias in experts], dtype=np.float32),
        _stacked([weights for weights, _ in heads]),
        np.array([bias for _, bias in heads], dtype=np.float32),
        np.array(summed, dtype=np.float32),
        nothing + 1,
        nothing,
        nothing,
        nothing + np.float32(0.5),
    )


def _stacked(rows: Sequence[Floats]) -> Vectors:
    return np.array(rows, dtype=np.float32).reshape(len(rows), WIDTH)


def _head(
    features: Features,
    data: Examples,
    rows: Rows,
    target: npt.NDArray[Any],
    strength: float,
    any_weight: float,
    even: bool = False,
) -> tuple[Floats, float] | None:
    """Weights and intercept of one logistic regression; None with too few rows of either class."""
    rows = rows & ~np.isnan(target)
    if min((target[rows] == 1).sum(), (target[rows] == 0).sum()) < FEWEST_POSITIVES:
        return None
    wholes = np.flatnonzero(~features.seen.part)
    share = 1 / np.bincount(features.owner[wholes], minlength=len(data.texts))
    own = np.where(data.domains == ANY, any_weight, 1) * data.weights
    weights = balanced(own, target, rows, 0.5) if even else np.where(rows, own, 0)
    weights = weights * share
    chosen = wholes[weights[features.owner[wholes]] > 0]
    owner = features.owner[chosen]
    model = _logistic(features.seen.vectors[chosen], target[owner], weights[owner], strength)
    return model.coef_[0], float(model.intercept_[0])


def _logistic(vectors: npt.NDArray[Any], target: npt.NDArray[Any], weights: Floats | None, strength: float) -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingExtra("training a moderator", "embed") from error
    # Sums are split by thread: with one, the same rows give the same bytes on any number of cores.
    with threadpool_limits(limits=1):
        return LogisticRegression(C=strength, max_iter=1000).fit(vectors, target, sample_weight=weights)


def _gate(features: Features, data: Examples, used: Rows, domains: Sequence[str]) -> tuple[Vectors, Vectors]:
    """The softmax over the kinds of text, `(domains, WIDTH)` and `(domains,)`."""
    if len(domains) == 1:
        return np.zeros((1, WIDTH), np.float32), np.zeros(1, np.float32)
    # What is harmless as anything is a statement rather than anything else.
    kinds = np.where(data.domains == ANY, DOMAINS.index(POLICY), data.domains)
    first = np.unique(features.owner, return_index=True)[1]
    chosen: list[npt.NDArray[np.int64]] = []
    for domain in domains:
        rows = np.flatnonzero(used & (kinds == DOMAINS.index(domain)))
        chosen.append(rows[:: max(1, -(-len(rows) // GATE_ROWS))])
    rows = np.concatenate(chosen)
    labels = np.concatenate([np.full(len(own), place) for place, own in enumerate(chosen)])
    sizes = np.bincount(labels, minlength=len(domains))
    model = _logistic(
        features.seen.vectors[first[rows]], labels, len(labels) / len(domains) / sizes[labels], GATE_STRENGTH
    )
    weights, bias = model.coef_, model.intercept_
    if len(domains) == 2:  # scikit-learn gives one row for two classes
        weights, bias = np.vstack([-weights / 2, weights / 2]), np.array([-bias[0] / 2, bias[0] / 2])
    return weights.astype(np.float32), bias.astype(np.float32)


def balanced(weights: npt.NDArray[np.float64], target: npt.NDArray[np.float32], used: Rows, share: float) -> Floats:
    """The weights, scaled so that positives among the `used` rows hold `share` of an unchanged total."""
    found = np.where(used, weights, 0).astype(np.float64)
    total = found.sum()
    for label, part in ((1, share), (0, 1 - share)):
        rows = used & (target == label)
        found[rows] *= part * total / max(found[rows].sum(), 1e-12)
    return found


def measurable(mixture: Mixture, held_out: Floats) -> Mixture:
    """The mixture without the categories that no fold could fit: nothing would tell what their scores mean."""
    kept = [place for place in range(len(mixture.categories)) if not np.isnan(held_out[:, 1 + place]).all()]
    both = [0, *(1 + place for place in kept)]
    return replace(
        mixture,
        categories=tuple(mixture.categories[place] for place in kept),
        heads=mixture.heads[kept],
        head_bias=mixture.head_bias[kept],
        summed=mixture.summed[kept],
        slopes=mixture.slopes[both],
        leans=mixture.leans[both],
        shifts=mixture.shifts[both],
        thresholds=mixture.thresholds[both],
    )


def calibrated(mixture: Mixture, held_out: Floats, data: Examples) -> Mixture:
    """The mixture with calibrated log-odds and thresholds, from held-out log-odds `(n, names)`.

    Platt scaling (a line through the log-odds, those of `flagged` beside a category's own); a head's threshold has
    the best F1. Both on rows weighted so that as many violate as among the reference rows: one in four at all, one
    in twenty a rare category. In logs of chats far fewer do: a threshold is raised until at most FALSE_ALARMS of the
    rows of sets that hold ordinary chats alone are above it.
    """
    curves, used, weights = [], [], []
    for column, name in enumerate(mixture.names):
        target = data.targets[:, HEADS.index(name)]
        rows = (data.weights > 0) & ~np.isnan(target) & ~np.isnan(held_out[:, column])
        known = rows & data.reference
        positives = int((target[known] == 1).sum())
        share = float(target[known].mean()) if positives >= FEWEST_POSITIVES else SHARE
        # Where OpenAI's own labels suffice they alone say what a category's score means.
        rows = known if column and positives >= FEWEST_POSITIVES else rows
        used.append(rows)
        weights.append(balanced(data.weights, target, rows, share)[rows])
        curves.append(_curve(held_out[rows], column, target[rows], weights[-1]))
    slopes, leans, shifts = np.array(curves, dtype=np.float32).T
    made = replace(mixture, slopes=slopes, leans=leans, shifts=shifts)
    scores = made.calibrated(held_out)
    thresholds = [
        chosen_cut(scores[rows, column], data.targets[rows, HEADS.index(name)], weight, ordinary(data)[rows])
        for column, (name, rows, weight) in enumerate(zip(mixture.names, used, weights, strict=True))
    ]
    return replace(made, thresholds=np.array(thresholds, dtype=np.float32))


def _curve(logits: Floats, column: int, labels: npt.NDArray[np.float32], weights: Floats) -> tuple[float, float, float]:
    """How much the column's log-odds count, how much those of `flagged`, and the shift."""
    if column:
        model = _logistic(logits[:, [column, 0]], labels, weights, 1e6)
        slope, lean = model.coef_[0].tolist()
        if slope > 0 and lean > 0:
            return slope, lean, float(model.intercept_[0])
    model = _logistic(logits[:, [column]], labels, weights, 1e6)
    return float(model.coef_[0, 0]), 0.0, float(model.intercept_[0])


def ordinary(data: Examples) -> Rows:
    """Whether each row is of a set that holds harmless texts alone: ordinary chats."""
    return ~np.isin(data.sets, np.unique(data.sets[data.targets[:, 0] == 1]))


def chosen_cut(scores: Floats, labels: npt.NDArray[np.float32], weights: Floats, benign: Rows) -> float:
    """The score with the best F1 as a threshold that at most FALSE_ALARMS of the `benign` rows exceed."""
    return max(_best_cut(scores, labels, weights), _quiet_cut(scores[benign]))


def _quiet_cut(scores: Floats) -> float:
    """The least score that at most FALSE_ALARMS of the scores exceed; minus infinity for no scores."""
    return float(np.quantile(scores, 1 - FALSE_ALARMS)) if len(scores) else -np.inf


def _best_cut(scores: Floats, labels: npt.NDArray[np.float32], weights: Floats) -> float:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(np.where(labels[order] == 1, weights[order], 0))
    taken = np.cumsum(weights[order])
    f1 = 2 * hits / (taken + hits[-1])
    return float(scores[order][int(np.argmax(f1))])
