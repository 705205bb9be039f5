"""Precision and recall over a whole run from a labelled sample of it, with 95 % intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from chatlog.models.judgments import Bools, Floats, Ints
from chatlog.moderation.labels import ROLES, Labelled
from chatlog.moderation.sample import BINS
from chatlog.moderation.tally import Rows

DRAWS: Final = 4000
"""Draws that an interval is read from: its ends then move by less than a hundredth of its width."""

_PRIOR: Final = 0.5
"""Jeffreys' prior of a share: a stratum in which nobody flagged anything may still hold what nobody saw."""


@dataclass(frozen=True)
class Estimate:
    """A share of the run's messages, and its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Quality:
    """How well a run's flags meet people's labels.

    Attributes:
        labels: labelled messages.
        positives: those that people flagged.
        unlabelled: lines of the sample without a label.
        failed: labelled messages that have no score now.
        uncovered: messages of the run in strata without a label: the estimates leave them out. None when the scores
            are not those that the sample was drawn by.
        precision: of the flagged messages, those that people would flag.
        recall: of the messages that people would flag, those that are flagged.
        prevalence: of all messages, those that people would flag.
        by_role: role, labels, positives, precision, recall and prevalence with their ends.
    """

    labels: int
    positives: int
    unlabelled: int
    failed: int
    uncovered: int | None
    precision: Estimate
    recall: Estimate
    prevalence: Estimate
    by_role: Rows

    def to_json(self) -> dict[str, Any]:
        """The object `quality` of `chatlog moderation --labels --json`."""
        return asdict(self)


def quality(found: Labelled, seed: int = 0) -> Quality:
    """Precision, recall and prevalence over the messages that the sample was drawn from.

    The strata are the sample's, parted by decision: each label speaks for the messages of its stratum that were decided
    alike. Intervals are the middle 95 % of draws of what each stratum may hold given its labels (Jeffreys' prior);
    they hold where a share is near 0 or 1, and where a stratum of many messages has no positive label.
    """
    rng = np.random.default_rng(seed)
    everyone = np.ones(len(found.truth), dtype=bool)
    covered = np.bincount(found.bin, minlength=BINS) > 0
    uncovered = None if found.population is None else int(found.population.sum(axis=(1, 2))[~covered].sum())
    by_role: Rows = []
    for place, role in enumerate(ROLES):
        among = found.role == place
        if among.any():
            precision, recall, prevalence = _estimates(found, among, place, rng)
            row: dict[str, Any] = {"role": role, "labels": int(among.sum())}
            row["positives"] = int(found.truth[among].sum())
            for name, told in (("precision", precision), ("recall", recall), ("prevalence", prevalence)):
                row |= {name: told.value, f"{name}_low": told.low, f"{name}_high": told.high}
            by_role.append(row)
    precision, recall, prevalence = _estimates(found, everyone, None, rng)
    return Quality(
        labels=len(found.truth),
        positives=int(found.truth.sum()),
        unlabelled=found.unlabelled,
        failed=found.failed,
        uncovered=uncovered,
        precision=precision,
        recall=recall,
        prevalence=prevalence,
        by_role=by_role,
    )


def _estimates(
    found: Labelled, among: Bools, role: int | None, rng: np.random.Generator
) -> tuple[Estimate, Estimate, Estimate]:
    labels, positives = _cells(found, among)
    size, sizes = _sizes(found, labels, role, rng)
    # A cell of messages without a label is told by the labels of its stratum, whatever their role or decision.
    whole, whole_positives = _cells(found, np.ones(len(among), dtype=bool))
    borrowed = labels == 0
    n = np.where(borrowed, whole.sum(axis=1, keepdims=True), labels)
    k = np.where(borrowed, whole_positives.sum(axis=1, keepdims=True), positives)
    size, sizes = size * (n > 0), sizes * (n > 0)
    value = _shares(size * k / np.maximum(n, 1), size)
    drawn = rng.beta(k + _PRIOR, n - k + _PRIOR, size=(DRAWS, *k.shape))
    seen = np.where(borrowed, 0, np.minimum(n, sizes))
    # What was labelled is known: only the rest of a stratum is uncertain.
    draws = _shares(seen * k / np.maximum(n, 1) + (sizes - seen) * drawn, sizes)
    precision, recall, prevalence = (_ends(float(point), each) for point, each in zip(value, draws, strict=True))
    return precision, recall, prevalence


def _cells(found: Labelled, among: Bools) -> tuple[Ints, Ints]:
    """Labels and positive labels by stratum and decision, `(BINS, 2)` each."""
    labels = np.zeros((BINS, 2), dtype=np.int64)
    positives = np.zeros((BINS, 2), dtype=np.int64)
    decided = found.flagged.astype(np.int64)
    np.add.at(labels, (found.bin[among], decided[among]), 1)
    hits = among & found.truth
    np.add.at(positives, (found.bin[hits], decided[hits]), 1)
    return labels, positives


def _sizes(found: Labelled, labels: Ints, role: int | None, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Messages by stratum and decision, `(BINS, 2)`, and as they may be in each draw, `(DRAWS, BINS, 2)`.

    They are counted where the run still has the scores that the sample was drawn by. Else the labelled messages tell
    how a stratum parts, which is uncertain too.
    """
    if found.population is not None:
        counted = found.population.sum(axis=1) if role is None else found.population[:, role]
        size = counted.astype(np.float64)
        return size, np.broadcast_to(size, (DRAWS, *size.shape))
    drawn = np.bincount(found.bin, minlength=BINS)
    others = drawn[:, None] - labels.sum(axis=1, keepdims=True)
    parts = np.concatenate([labels, others], axis=1).astype(np.float64)
    shares = rng.gamma(np.where(parts > 0, parts, 1.0), size=(DRAWS, *parts.shape)) * (parts > 0)
    shares /= np.maximum(shares.sum(axis=2, keepdims=True), 1e-300)
    point = parts / np.maximum(drawn[:, None], 1)
    sizes = found.sizes[:, None].astype(np.float64)
    return sizes * point[:, :2], sizes * shares[:, :, :2]


def _shares(positive: Floats, size: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and prevalence of counts `(..., BINS, 2)`; NaN of nothing."""
    hits, flagged = positive[..., 1].sum(axis=-1), size[..., 1].sum(axis=-1)
    wanted, everything = positive.sum(axis=(-2, -1)), size.sum(axis=(-2, -1))
    return _of(hits, flagged), _of(hits, wanted), _of(wanted, everything)


def _of(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
    return found


def _ends(value: float, draws: Floats) -> Estimate:
    if np.isnan(value):
        return Estimate(None, None, None)
    low, high = np.nanquantile(draws, (0.025, 0.975))
    # At 0 and 1 every draw lies on one side of the estimate.
    return Estimate(value, min(value, float(low)), max(value, float(high)))
