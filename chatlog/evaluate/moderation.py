"""`chatlog eval moderation`: what the `cpu` moderator says of labelled texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError, MissingExtra
from chatlog.evaluate.labelled import Evaluation, read_rows
from chatlog.models.guards import Message
from chatlog.schema import CATEGORIES

if TYPE_CHECKING:
    from chatlog.models.engines.config import ModerateConfig
    from chatlog.models.moderator.train import CrossValidated

Floats = npt.NDArray[np.float64]

REQUIRED: Final = ("id", "text", "lang", "flagged")


def evaluate(path: Path, folds: int = 0, seed: int = 0) -> Evaluation:
    """Metrics of a labelled file; `held_out` in them tells whether the rows can have been trained on.

    Args:
        path: rows of text, lang, flagged and perhaps labels.
        folds: 0 scores the shipped moderator, which was trained on many public sets; from 2 on, as `held_out`.
        seed: of the folds.

    Raises:
        DataError: the file is not a labelled moderation set, or has too few rows of either class for folds.
        MissingExtra: onnxruntime or scikit-learn is not installed.
    """
    if folds:
        return held_out([path], folds, seed)[0]
    rows = read_rows(path, REQUIRED)
    scores, categories, threshold, seconds = _shipped(rows)
    return Evaluation("moderation", path.name, len(rows), seconds, _metrics(rows, scores, categories, threshold, False))


def evaluate_settings(path: Path, config: ModerateConfig) -> Evaluation:
    """Metrics of a labelled file by the engine and model that settings of `moderate` name; each text stands alone.

    Raises:
        DataError: the file is not a labelled moderation set, or a judgment failed.
        ConfigError: the engine cannot be opened.
    """
    from chatlog.models.engines.opening import open_engine

    rows = read_rows(path, REQUIRED)
    with open_engine(config) as engine:
        begun = time.monotonic()
        found = engine.judge([(Message("user", row["text"]),) for row in rows])
        seconds = time.monotonic() - begun
        threshold = getattr(engine, "threshold", config.threshold)
    missing = sum(judgment.status != "ok" for judgment in found)
    if missing:
        raise DataError(f"{missing:,} of {len(rows):,} texts of {path.name} were not judged; try again")
    # A guard that gives no probability says yes or no.
    scores = np.array([float(bool(one.flagged)) if one.score is None else one.score for one in found], dtype=np.float64)
    said = np.array([bool(judgment.flagged) for judgment in found])
    return Evaluation("moderation", path.name, len(rows), seconds, _metrics(rows, scores, {}, threshold, False, said))


def held_out(paths: Sequence[Path], folds: int, seed: int = 0) -> list[Evaluation]:
    """Metrics of each file by cross-validation: one moderator a fold, trained on the other folds of all the files.

    The examples that were written for chatlog are fitted as well. Where files hold one class alone, as requests
    for harm and ordinary requests do, a last result takes them together. `flagged` rows are those above a
    threshold that was chosen on the other folds.

    Args:
        paths: rows of text, lang, flagged and perhaps labels.
        folds: 2 or more; equal texts share a fold.
        seed: of the folds.

    Raises:
        DataError: as evaluate.
        MissingExtra: as evaluate.
    """
    from chatlog.models.moderator.train import cross_validated_sets

    sets = [(path, read_rows(path, REQUIRED)) for path in paths]
    found = cross_validated_sets([(path, rows) for path, rows in sets], folds, seed)
    evaluations = []
    lone: list[int] = []
    start = 0
    for index, (path, rows) in enumerate(sets):
        end = start + len(rows)
        metrics = _told(rows, found, np.arange(start, end))
        evaluations.append(Evaluation("moderation", path.name, len(rows), found.seconds, metrics))
        if len({int(row["flagged"]) for row in rows}) == 1:
            lone.append(index)
        start = end
    if len({int(sets[index][1][0]["flagged"]) for index in lone}) == 2:
        starts = np.cumsum([0, *(len(rows) for _, rows in sets)])
        places = np.concatenate([np.arange(starts[index], starts[index + 1]) for index in lone])
        rows = [row for index in lone for row in sets[index][1]]
        name = " + ".join(sets[index][0].name for index in lone)
        evaluations.append(Evaluation("moderation", name, len(rows), found.seconds, _told(rows, found, places)))
    return evaluations


def _told(rows: list[dict[str, Any]], found: CrossValidated, places: npt.NDArray[np.int64]) -> dict[str, Any]:
    categories = {
        name: found.scores[places, column]
        for column, name in enumerate(found.names)
        if column and not np.isnan(found.scores[places, column]).any()
    }
    return _metrics(rows, found.scores[places, 0], categories, found.threshold, True, found.flagged[places])


def _metrics(
    rows: list[dict[str, Any]],
    scores: Floats,
    categories: dict[str, Floats],
    threshold: float | None,
    held: bool,
    said: npt.NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    gold = np.array([int(row["flagged"]) for row in rows])
    flags = scores >= (threshold or 0.0) if said is None else said
    metrics: dict[str, Any] = {**binary(gold, scores, flags), "threshold": threshold, "held_out": held}
    metrics["categories"] = {
        name: value for name, found in categories.items() if (value := _category(rows, name, found)) is not None
    }
    languages = np.array([row["lang"] for row in rows])
    metrics["by_language"] = {
        language: binary(gold[languages == language], scores[languages == language], flags[languages == language])
        for language in sorted(set(languages.tolist()))
    }
    return metrics


def binary(gold: npt.NDArray[np.int64], scores: Floats, said: npt.NDArray[np.bool_]) -> dict[str, float | None]:
    """AUPRC, AUROC, precision, recall and F1 of what was `said`, the best F1 at any threshold, the share flagged.

    What is undefined, as all ranks are without both classes, is None.
    """
    try:
        from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
    except ImportError as error:
        raise MissingExtra("eval moderation", "embed") from error
    hits, positives, flagged = int((said & (gold == 1)).sum()), int(gold.sum()), int(said.sum())
    precision = hits / flagged if flagged else None
    recall = hits / positives if positives else None
    both = 0 < positives < len(gold)
    best = None
    if both:
        precisions, recalls, _ = precision_recall_curve(gold, scores)
        best = float(np.max(2 * precisions * recalls / np.maximum(precisions + recalls, 1e-12)))
    return {
        "auprc": float(average_precision_score(gold, scores)) if both else None,
        "auroc": float(roc_auc_score(gold, scores)) if both else None,
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (flagged + positives) if flagged + positives else None,
        "f1_best": best,
        "flagged_share": flagged / len(gold) if len(gold) else None,
    }


def _category(rows: Sequence[dict[str, Any]], name: str, scores: Floats) -> float | None:
    """The AUPRC of one category over the rows that are annotated for it."""
    used = [place for place, row in enumerate(rows) if name in (row.get("labels") or {})]
    gold = np.array([int(rows[place]["labels"][name]) for place in used])
    return binary(gold, scores[used], scores[used] >= 0.5)["auprc"] if used else None


def _shipped(rows: Sequence[dict[str, Any]]) -> tuple[Floats, dict[str, Floats], float, float]:
    from chatlog.models.engines.cpu import open_cpu

    engine = open_cpu(threads=0)
    begun = time.monotonic()
    found = engine.judge([[Message("user", row["text"])] for row in rows])
    seconds = time.monotonic() - begun
    scores = np.array([judgment.score for judgment in found], dtype=np.float64)
    names = [name for name in CATEGORIES if name in found[0].category_scores]
    categories = {name: np.array([judgment.category_scores[name] for judgment in found]) for name in names}
    return scores, categories, engine.threshold, seconds
