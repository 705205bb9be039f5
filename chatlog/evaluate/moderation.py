"""`chatlog eval moderation`: what the `cpu` moderator says of labelled texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chatlog.errors import DataError, MissingExtra
from chatlog.evaluate.labelled import Evaluation, read_rows
from chatlog.models.guards import Message
from chatlog.schema import CATEGORIES

Floats = npt.NDArray[np.float64]


def evaluate(path: Path, folds: int = 0, seed: int = 0) -> Evaluation:
    """Metrics of a labelled file; `held_out` in them tells whether the rows can have been trained on.

    Args:
        path: rows of text, lang, flagged and perhaps labels.
        folds: 0 scores the shipped moderator, which was trained on many public sets; from 2 on, heads are
            trained on the file's other folds, so that no row is scored by what has seen it.
        seed: of the folds.

    Raises:
        DataError: the file is not a labelled moderation set, or has too few rows of either class for folds.
        MissingExtra: sentence-transformers or scikit-learn is not installed.
    """
    rows = read_rows(path, ("id", "text", "lang", "flagged"))
    if folds:
        scores, categories, threshold, seconds = _cross_validated(path, rows, folds, seed)
    else:
        scores, categories, threshold, seconds = _shipped(rows)
    gold = np.array([int(row["flagged"]) for row in rows])
    metrics: dict[str, Any] = {**binary(gold, scores, threshold), "threshold": threshold, "held_out": bool(folds)}
    metrics["categories"] = {
        name: value for name, found in categories.items() if (value := _category(rows, name, found)) is not None
    }
    languages = np.array([row["lang"] for row in rows])
    metrics["by_language"] = {
        language: binary(gold[languages == language], scores[languages == language], threshold)
        for language in sorted(set(languages.tolist()))
    }
    return Evaluation("moderation", path.name, len(rows), seconds, metrics)


def binary(gold: npt.NDArray[np.int64], scores: Floats, threshold: float) -> dict[str, float | None]:
    """AUPRC, AUROC, precision, recall and F1 at the threshold, the best F1 at any, and the share that is flagged.

    What is undefined, as all ranks are without both classes, is None.
    """
    try:
        from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
    except ImportError as error:
        raise MissingExtra("eval moderation", "embed") from error
    said = scores >= threshold
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
    return binary(gold, scores[used], 0.5)["auprc"] if used else None


def _shipped(rows: Sequence[dict[str, Any]]) -> tuple[Floats, dict[str, Floats], float, float]:
    from chatlog.models.engines.cpu import open_cpu

    engine = open_cpu()
    begun = time.monotonic()
    found = engine.judge([[Message("user", row["text"])] for row in rows])
    seconds = time.monotonic() - begun
    scores = np.array([judgment.score for judgment in found], dtype=np.float64)
    names = [name for name in CATEGORIES if name in found[0].category_scores]
    categories = {name: np.array([judgment.category_scores[name] for judgment in found]) for name in names}
    return scores, categories, engine.threshold, seconds


def _cross_validated(
    path: Path, rows: list[dict[str, Any]], count: int, seed: int
) -> tuple[Floats, dict[str, Floats], float, float]:
    from chatlog.models.moderator.examples import examples, folds, set_name
    from chatlog.models.moderator.fit import featurize
    from chatlog.models.moderator.heads import HEADS
    from chatlog.models.moderator.train import cross_validated, open_encoder

    data = examples([(set_name(path), rows)])
    features = featurize(data.texts, open_encoder())
    begun = time.monotonic()
    logits = cross_validated(features, data, HEADS, folds(data.texts, count, seed))
    seconds = time.monotonic() - begun
    if np.isnan(logits[:, 0]).any():
        raise DataError(f"{path}: too few flagged or unflagged rows to train {count} folds; use --folds 0")
    found = 1 / (1 + np.exp(-logits))
    categories = {
        name: found[:, column] for column, name in enumerate(HEADS) if column and not np.isnan(found[:, column]).any()
    }
    return found[:, 0], categories, 0.5, seconds
