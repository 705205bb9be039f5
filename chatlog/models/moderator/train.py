"""`chatlog train moderator`: labelled sets in, a weights file and a cross-validated report out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError
from chatlog.models.moderator.examples import Examples, examples, folds, set_name
from chatlog.models.moderator.features import EMBEDDER, TOKENS, Encoder
from chatlog.models.moderator.fit import Features, Floats, calibrated, featurize, fit
from chatlog.models.moderator.heads import HEADS, Heads, save
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
    sets: Sequence[tuple[str, Rows]], out: Path, seed: int = 0, encoder: Encoder | None = None
) -> TrainingReport:
    """A report on the heads that were fitted on `(name, rows)` sets and written to `out`.

    Args:
        sets: rows hold `text`, `lang`, `flagged` (0 or 1) and perhaps `labels` ({category: 0 or 1}).
        out: the safetensors file to write.
        seed: chooses the folds.
        encoder: the embedder; None opens the shipped one.

    Raises:
        DataError: a row is malformed, or the sets hold too few rows of either class.
        MissingExtra: sentence-transformers or scikit-learn is not installed.
    """
    began = time.perf_counter()
    data = fitted(examples(sets))
    features = featurize(data.texts, encoder or open_encoder())
    everything = np.ones(len(data.texts), dtype=bool)
    heads = fit(features, data, everything)
    if not heads.names or heads.names[0] != HEADS[0]:
        raise DataError(f"{', '.join(data.names)}: too few flagged or unflagged rows to train on")
    fold = folds(data.texts, FOLDS, seed)
    held_out = cross_validated(features, data, heads.names, fold)
    final = calibrated(heads, held_out, data)
    save(final, out, {"embedder": identity(EMBEDDER), "sets": ", ".join(data.names), "seed": str(seed)})
    probabilities = _probabilities(heads, final, held_out)
    said = _verdicts(heads, held_out, data, fold)
    return TrainingReport(
        out=out.name,
        rows=sum(len(rows) for _, rows in sets),
        fitted=len(data.texts),
        heads=list(final.names),
        seconds=round(time.perf_counter() - began, 1),
        held_out={
            name: _metrics(data, probabilities, said, final, data.sets == index)
            for index, name in enumerate(data.names)
        },
        by_language={
            language: _metrics(data, probabilities, said, final, np.array(data.languages) == language)
            for language in sorted(set(data.languages))
        },
    )


def fitted(data: Examples) -> Examples:
    """The rows that count: embedding the others would cost most of the time and change nothing."""
    rows = np.flatnonzero(data.weights > 0)
    return Examples(
        texts=[data.texts[row] for row in rows],
        languages=[data.languages[row] for row in rows],
        sets=data.sets[rows],
        names=data.names,
        targets=data.targets[rows],
        weights=data.weights[rows],
        reference=data.reference[rows],
    )


def read_sets(files: Sequence[Path], read_rows: Any) -> list[tuple[str, Rows]]:
    """The `(name, rows)` of labelled files, read by `read_rows(path, required)`."""
    return [(set_name(path), read_rows(path, ("text", "flagged"))) for path in files]


def open_encoder() -> Encoder:
    """The embedder whose vectors the heads are made for."""
    from chatlog.models.embedders import open_embedder

    return open_embedder(EMBEDDER, max_tokens=TOKENS)


def cross_validated(features: Features, data: Examples, names: Sequence[str], fold: npt.NDArray[np.int64]) -> Floats:
    """Held-out log-odds, `(n, heads) float64`: each row's from heads fitted without its fold.

    NaN where a fold's heads lack one for want of positives.
    """
    found = np.full((len(data.texts), len(names)), np.nan)
    for number in range(int(fold.max()) + 1):
        test = fold == number
        heads = fit(features, data, ~test)
        logits = features.logits(heads, test)
        for column, name in enumerate(names):
            if name in heads.names:
                found[test, column] = logits[:, heads.names.index(name)]
    return found


def _probabilities(heads: Heads, final: Heads, held_out: Floats) -> Floats:
    # Calibration is a line: what it did to the intercept and the steepest weight tells slope and shift.
    pivot = np.argmax(np.abs(heads.vector), axis=1)
    places = np.arange(len(pivot))
    slope = final.vector[places, pivot] / heads.vector[places, pivot]
    scaled = slope * held_out + (final.bias - slope * heads.bias)
    return np.asarray(1 / (1 + np.exp(-scaled)), dtype=np.float64)


def _verdicts(heads: Heads, held_out: Floats, data: Examples, fold: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each row is flagged, `(n,) bool`, by a calibration and a threshold from the other folds alone.

    The shipped ones are chosen on every row, so what they flag of these rows would measure nothing.
    """
    said = np.zeros(len(data.texts), dtype=bool)
    for number in range(int(fold.max()) + 1):
        test = fold == number
        others = np.where(test[:, None], np.nan, held_out)
        chosen = calibrated(heads, others, data)
        said[test] = _probabilities(heads, chosen, held_out[test])[:, 0] >= chosen.thresholds[0]
    return said


def _metrics(
    data: Examples, scores: Floats, said: npt.NDArray[np.bool_], heads: Heads, rows: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    found: dict[str, Any] = {"n": int(rows.sum())}
    categories: dict[str, float] = {}
    for column, name in enumerate(heads.names):
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
