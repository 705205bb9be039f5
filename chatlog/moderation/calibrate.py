"""A calibration fitted on labels, and how far it mends the scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from chatlog.engine.store import dump_json
from chatlog.errors import DataError, MissingExtra
from chatlog.models.calibration import Calibration, log_odds
from chatlog.models.judgments import Bools, Floats
from chatlog.moderation.files import write_private
from chatlog.moderation.labels import Labelled

Kind = Literal["platt", "isotonic"]

FOLDS: Final = 5
_ECE_BINS: Final = 10
"""Equal widths of the probability, as in Guo et al. 2017 (arXiv 1706.04599) in number."""


@dataclass(frozen=True)
class Calibrated:
    """A calibration and its measures.

    Attributes:
        kind: platt or isotonic.
        labels: labelled messages that it was fitted on.
        positives: those of them that people flagged.
        brier: mean squared error of the scores, before, and after on labels that the curve had not seen.
        ece: expected calibration error, likewise.
        file: where the curve is.
    """

    kind: Kind
    labels: int
    positives: int
    brier: dict[str, float]
    ece: dict[str, float]
    file: str

    def to_json(self) -> dict[str, Any]:
        """The object `calibration` of `chatlog moderation --calibrate --json`."""
        return asdict(self)


def calibrate(found: Labelled, kind: Kind, out: Path, seed: int = 0) -> Calibrated:
    """Fits a curve on labels, writes it for the stage `threshold`, and measures it by cross-validation.

    The curve is fitted without the sample's weights: drawing by score does not change what a score means, and with
    them the many messages of the lowest scores would decide everything. Measures are weighted: they tell of the run.

    Raises:
        DataError: fewer than five labels of either kind, labels that fall as scores rise, or the file cannot be
            written.
        MissingExtra: scikit-learn is not installed.
    """
    for word, count in (("true", int(found.truth.sum())), ("false", int((~found.truth).sum()))):
        if count < FOLDS:
            raise DataError(f"a calibration needs {FOLDS} labels of each kind at least; {count} are {word}")
    curve = fit(found.score, found.truth, kind)
    after = _unseen(found, kind, seed)
    brier = {"before": brier_score(found.score, found), "after": brier_score(after, found)}
    ece = {"before": calibration_error(found.score, found), "after": calibration_error(after, found)}
    made = Calibrated(kind, len(found.truth), int(found.truth.sum()), brier, ece, str(out))
    told = {name: value for name, value in made.to_json().items() if name not in ("kind", "file")}
    write_private(out, dump_json(curve.to_json() | {"measured": told}))
    return made


def fit(scores: Floats, truth: Bools, kind: Kind) -> Calibration:
    """The curve of a kind over scores and labels.

    Raises:
        DataError: labels fall as scores rise.
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.isotonic import IsotonicRegression
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtra("moderation --calibrate", "embed") from error
    gold = truth.astype(np.int64)
    if kind == "platt":
        # As good as unpenalised: two numbers are fitted to at least ten labels.
        model = LogisticRegression(C=1e4, max_iter=1000).fit(log_odds(scores)[:, None], gold)
        slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
        if slope <= 0:
            raise DataError(
                "the labels fall as the scores rise, which no calibration mends; are true and false as meant?"
            )
        return Calibration(kind="platt", slope=slope, intercept=intercept)
    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, gold)
    x, y = model.X_thresholds_.tolist(), np.clip(model.y_thresholds_, 0, 1).tolist()
    return Calibration(kind="isotonic", x=tuple(x), y=tuple(np.maximum.accumulate(y).tolist()))


def brier_score(scores: Floats, found: Labelled) -> float:
    """The mean squared difference of score and label over the run, from the weighted sample."""
    return float(np.average((scores - found.truth) ** 2, weights=found.weights))


def calibration_error(scores: Floats, found: Labelled) -> float:
    """The expected calibration error over the run: |mean score - share of labels| by tenths, weighted."""
    weights, truth = found.weights, found.truth.astype(np.float64)
    bins = np.minimum((scores * _ECE_BINS).astype(np.int64), _ECE_BINS - 1)
    gaps = np.bincount(bins, weights=weights * (scores - truth), minlength=_ECE_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def _unseen(found: Labelled, kind: Kind, seed: int) -> Floats:
    """Each message's calibrated score by a curve that was fitted without its fold."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(found.truth), dtype=np.int64)
    for value in (False, True):
        places = rng.permutation(np.flatnonzero(found.truth == value))
        fold[places] = np.arange(len(places)) % FOLDS
    made = np.empty(len(found.truth), dtype=np.float64)
    for number in range(FOLDS):
        held = fold == number
        made[held] = fit(found.score[~held], found.truth[~held], kind).apply(found.score[held])
    return made
