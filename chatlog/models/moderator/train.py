"""`chatlog train moderator`: labelled sets in, a weights file and a cross-validated report out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.models.moderator.examples import HEADS, Examples, examples, folds, set_name
from chatlog.models.moderator.features import EMBEDDER, Encoder
from chatlog.models.moderator.fit import Features, calibrated, featurize, fit, measurable
from chatlog.models.moderator.mixture import Floats, Mixture, save
from chatlog.models.moderator.templates import own_sets
from chatlog.models.weights import identity

FOLDS: Final = 5

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class TrainingReport:
    """What was trained, and how well it does on rows that it had not seen.

    Attributes:
        out: the weights file's name.
        rows: rows read.
        fitted: rows that were fitted and scored; the others are of a language with one class only, or past a set's cap.
        heads: the heads that were made.
        seconds: wall time.
        held_out: `{set: {n, auprc, auroc, f1, ...}}`, cross-validated; categories by name under `categories`.
        by_language: as `held_out`, over all sets, by language.
    """

    out: str
    rows: int
    fitted: int
    heads: list[str]
    seconds: float
    held_out: dict[str, dict[str, Any]]
    by_language: dict[str, dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog train moderator --json` prints."""
        return asdict(self)


def train_moderator(
    sets: Sequence[tuple[str, Rows]],
    out: Path,
    seed: int = 0,
    encoder: Encoder | None = None,
    own: Sequence[tuple[str, Rows]] | None = None,
) -> TrainingReport:
    """A report on the mixture that was fitted on `(name, rows)` sets and written to `out`.

    Args:
        sets: rows hold `text`, `lang`, `flagged` (0 or 1), perhaps `labels` ({category: 0 or 1}) and `domain`.
        out: the safetensors file to write.
        seed: chooses the folds.
        encoder: the embedder; None opens the shipped one.
        own: further sets to fit; None takes those that were written for chatlog.

    Raises:
        DataError: a row is malformed, or the sets hold too few rows of either class.
        MissingExtra: onnxruntime or scikit-learn is not installed.
    """
    began = time.perf_counter()
    every = [*sets, *(own_sets() if own is None else own)]
    data = examples(every)
    # The rows that count: embedding the others would cost most of the time and change nothing.
    data = data.chosen(np.flatnonzero(data.weights > 0))
    features = featurize(data.texts, encoder or open_encoder())
    mixture = fit(features, data, np.ones(len(data.texts), dtype=bool))
    fold = folds(data.texts, FOLDS, seed)
    held_out = cross_validated(features, data, mixture.names, fold)
    known = ~np.isnan(held_out).all(axis=0)
    mixture, held_out = measurable(mixture, held_out), held_out[:, known]
    final = calibrated(mixture, held_out, data)
    save(final, out, {"embedder": identity(EMBEDDER), "sets": ", ".join(data.names), "seed": str(seed)})
    probabilities = final.calibrated(held_out)
    said = _verdicts(mixture, held_out, data, fold)
    return TrainingReport(
        out=out.name,
        rows=sum(len(rows) for _, rows in every),
        fitted=len(data.texts),
        heads=list(final.names),
        seconds=round(time.perf_counter() - began, 1),
        held_out={
            name: metrics(data, probabilities, said, final.names, data.sets == index)
            for index, name in enumerate(data.names)
        },
        by_language={
            language: metrics(data, probabilities, said, final.names, np.array(data.languages) == language)
            for language in sorted(set(data.languages))
        },
    )


def read_sets(files: Sequence[Path], read_rows: Any) -> list[tuple[str, Rows]]:
    """The `(name, rows)` of labelled files, read by `read_rows(path, required)`."""
    return [(set_name(path), read_rows(path, ("text", "flagged"))) for path in files]


def open_encoder() -> Encoder:
    """The encoder whose vectors the mixture is made for, on all cores."""
    from chatlog.models.embedders_use import open_use

    return open_use(threads=0)


def cross_validated(features: Features, data: Examples, names: Sequence[str], fold: npt.NDArray[np.int64]) -> Floats:
    """Held-out log-odds, `(n, names) float64`: each row's from a mixture fitted without its fold.

    NaN where a fold's mixture lacks a head for want of positives.
    """
    found = np.full((len(data.texts), len(names)), np.nan)
    for number in range(int(fold.max()) + 1):
        test = fold == number
        mixture = fit(features, data, ~test)
        logits = features.logits(mixture, test)
        for column, name in enumerate(names):
            if name in mixture.names:
                found[test, column] = logits[:, mixture.names.index(name)]
    return found


@dataclass(frozen=True)
class CrossValidated:
    """What mixtures that had not seen a row say of it.

    Attributes:
        names: `flagged` and the categories, as the columns of `scores`.
        scores: probabilities, `(n, names) float64`; NaN where a fold's mixture lacks a head.
        flagged: `(n,) bool`, by a threshold of the other folds.
        threshold: what all rows together would choose.
        seconds: wall time of fitting and scoring.
    """

    names: tuple[str, ...]
    scores: Floats
    flagged: npt.NDArray[np.bool_]
    threshold: float
    seconds: float


def cross_validated_sets(
    sets: Sequence[tuple[Path, Rows]], count: int, seed: int, encoder: Encoder | None = None
) -> CrossValidated:
    """Held-out scores of all rows of labelled files, in their order, those of no weight in training included.

    Raises:
        DataError: there are too few rows of either class for so many folds.
        MissingExtra: onnxruntime or scikit-learn is not installed.
    """
    data = examples([*((set_name(path), rows) for path, rows in sets), *own_sets()])
    features = featurize(data.texts, encoder or open_encoder())
    begun = time.monotonic()
    fold = folds(data.texts, count, seed)
    mixture = fit(features, data, np.ones(len(data.texts), dtype=bool))
    logits = cross_validated(features, data, mixture.names, fold)
    known = ~np.isnan(logits).all(axis=0)
    mixture, logits = measurable(mixture, logits), logits[:, known]
    final = calibrated(mixture, logits, data)
    said = _verdicts(mixture, logits, data, fold)
    seconds = time.monotonic() - begun
    rows = sum(len(rows) for _, rows in sets)
    return CrossValidated(
        final.names, final.calibrated(logits)[:rows], said[:rows], float(final.thresholds[0]), seconds
    )


def _verdicts(mixture: Mixture, held_out: Floats, data: Examples, fold: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each row is flagged, `(n,) bool`, by a calibration and a threshold from the other folds alone.

    The shipped ones are chosen on every row, so what they flag of these rows would measure nothing.
    """
    said = np.zeros(len(data.texts), dtype=bool)
    for number in range(int(fold.max()) + 1):
        test = fold == number
        others = np.where(test[:, None], np.nan, held_out)
        chosen = calibrated(mixture, others, data)
        said[test] = chosen.calibrated(held_out[test])[:, 0] >= chosen.thresholds[0]
    return said


def metrics(
    data: Examples, scores: Floats, said: npt.NDArray[np.bool_], names: Sequence[str], rows: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """What `TrainingReport.held_out` tells of some rows.

    Args:
        data: the examples.
        scores: `(n, names)`, held out; NaN where there is none.
        said: `(n,)`, what was flagged.
        names: `flagged` and the categories, as the columns of `scores`.
        rows: `(n,)`, which are meant.
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    found: dict[str, Any] = {"n": int(rows.sum())}
    categories: dict[str, float] = {}
    for column, name in enumerate(names):
        target = data.targets[:, HEADS.index(name)]
        used = rows & ~np.isnan(target) & ~np.isnan(scores[:, column])
        labels, values = target[used], scores[used, column]
        if len(set(labels.tolist())) < 2:
            if column == 0 and len(labels):
                found["flagged_share"] = round(float(said[used].mean()), 4)
            continue
        precision = round(float(average_precision_score(labels, values)), 4)
        if column:
            categories[name] = precision
            continue
        found["auprc"] = precision
        found["auroc"] = round(float(roc_auc_score(labels, values)), 4)
        found["f1"] = round(float(f1_score(labels, said[used])), 4)
        found["base_rate"] = round(float(labels.mean()), 4)
    if categories:
        found["categories"] = categories
    return found
