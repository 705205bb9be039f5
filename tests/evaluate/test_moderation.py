"""`chatlog eval moderation`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import DataError
from chatlog.evaluate.moderation import binary, evaluate

EVAL = Path(__file__).parents[3] / "shared" / "eval" / "moderation"


def test_metrics_by_hand() -> None:
    gold = np.array([1, 0, 1, 0])
    found = binary(gold, np.array([0.9, 0.8, 0.7, 0.1]), 0.75)
    assert found["auprc"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["auroc"] == pytest.approx(3 / 4)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 0.5, 0.5)
    assert found["f1_best"] == pytest.approx(0.8)
    assert found["flagged_share"] == 0.5


def test_what_is_undefined_is_none() -> None:
    found = binary(np.array([0, 0]), np.array([0.1, 0.2]), 0.5)
    assert found["auprc"] is None and found["precision"] is None and found["recall"] is None


def write(path: Path, count: int = 150) -> Path:
    rows = []
    for number in range(count):
        flagged = number % 2
        text = f"I will hurt you, number {number}" if flagged else f"I baked bread for {number} people"
        row = {"id": str(number), "text": text, "lang": "en" if number % 3 else "fr", "flagged": flagged}
        if number % 5:
            row["labels"] = {"violence": flagged}
        rows.append(json.dumps(row))
    path.write_text("\n".join(rows))
    return path


def test_rows_that_were_trained_on_are_never_scored_as_held_out(tmp_path: Path) -> None:
    path = write(tmp_path / "made.jsonl")
    held_out = evaluate(path, folds=3)
    assert (held_out.task, held_out.file, held_out.n) == ("moderation", "made.jsonl", 150)
    assert held_out.metrics["held_out"] is True
    assert held_out.metrics["auprc"] > 0.9
    assert set(held_out.metrics["by_language"]) == {"en", "fr"}
    assert set(held_out.metrics["categories"]) == {"violence"}
    shipped = evaluate(path)
    assert shipped.metrics["held_out"] is False
    json.dumps(shipped.to_json(), allow_nan=False)


def test_too_few_rows_for_folds_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        evaluate(write(tmp_path / "small.jsonl", 8), folds=4)


@pytest.mark.eval
@pytest.mark.slow
def test_openais_set_cross_validated() -> None:
    path = EVAL / "openai.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets do not ship with the project")
    found = evaluate(path, folds=5)
    assert found.metrics["held_out"] and found.metrics["auprc"] >= 0.69
