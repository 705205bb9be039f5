"""`chatlog eval moderation`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chatlog.evaluate.moderation import binary, evaluate, held_out

EVAL = Path(__file__).parents[3] / "shared" / "eval" / "moderation"


def test_metrics_by_hand() -> None:
    gold = np.array([1, 0, 1, 0])
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    found = binary(gold, scores, scores >= 0.75)
    assert found["auprc"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["auroc"] == pytest.approx(3 / 4)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 0.5, 0.5)
    assert found["f1_best"] == pytest.approx(0.8)
    assert found["flagged_share"] == 0.5


def test_what_is_undefined_is_none() -> None:
    found = binary(np.array([0, 0]), np.array([0.1, 0.2]), np.array([False, False]))
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
    assert held_out.metrics["categories"]["violence"] > 0.9
    shipped = evaluate(path)
    assert shipped.metrics["held_out"] is False
    json.dumps(shipped.to_json(), allow_nan=False)


def test_files_of_one_class_are_told_together(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in write(tmp_path / "made.jsonl").read_text().splitlines()]
    for label, name in ((1, "harm.jsonl"), (0, "plain.jsonl")):
        (tmp_path / name).write_text("\n".join(json.dumps(row) for row in rows if row["flagged"] == label))
    harm, plain, both = held_out([tmp_path / "harm.jsonl", tmp_path / "plain.jsonl"], 3)
    assert harm.metrics["auprc"] is None and plain.metrics["auprc"] is None
    assert (both.file, both.n) == ("harm.jsonl + plain.jsonl", 150)
    assert both.metrics["auprc"] > 0.9 and both.metrics["held_out"] is True


def test_what_is_scored_was_not_fitted(tmp_path: Path) -> None:
    # Labels by chance: whoever had seen a row would know it.
    rows = [json.loads(line) for line in write(tmp_path / "made.jsonl").read_text().splitlines()]
    dice = np.random.default_rng(0)
    for row in rows:
        row["text"] = " ".join(dice.choice("river stone window bread music chair lamp garden".split(), 5))
        row["flagged"] = int(dice.integers(2))
        row.pop("labels", None)
    path = tmp_path / "chance.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert 0.3 < evaluate(path, folds=5).metrics["auroc"] < 0.7


TRAINABLE = (
    "openai hatecheck multilingual_hatecheck sg_hatecheck cold_zh mlma davidson xstest harmful_requests multijail "
    "oasst_benign"
).split()


@pytest.mark.eval
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_moderators_bars_on_rows_that_it_has_not_seen() -> None:
    paths = [EVAL / f"{name}.jsonl.gz" for name in TRAINABLE]
    if not paths[0].exists():
        pytest.skip("the labelled sets do not ship with the project")
    found = {result.file.split(".")[0]: result.metrics for result in held_out(paths, 5)[:-1]}
    assert found["openai"]["auprc"] >= 0.75
    assert found["xstest"]["auprc"] >= 0.80
    assert found["multilingual_hatecheck"]["auprc"] >= 0.85
    assert found["oasst_benign"]["flagged_share"] <= 0.02
    pair = [EVAL / "multijail.jsonl.gz", EVAL / "oasst_benign.jsonl.gz"]
    assert held_out(pair, 5)[-1].metrics["auprc"] >= 0.95
