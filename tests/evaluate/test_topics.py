from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatlog.errors import DataError
from chatlog.evaluate.topics import evaluate

pytest.importorskip("sentence_transformers")

SETS = Path(__file__).parents[3] / "shared" / "eval" / "topics"


def test_two_plain_subjects_are_told_apart(tmp_path: Path) -> None:
    subjects = {
        "bread": ["How do I bake bread?", "Which flour for sourdough bread?", "Why did my bread not rise?"],
        "trains": ["When does the train leave?", "Book a train ticket", "Is my train late today?"],
    }
    rows = [{"text": text, "label": label} for label, texts in subjects.items() for text in texts]
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [*rows, {"text": " ", "label": "bread"}]))
    result = evaluate(path)
    assert result.task == "topics" and result.file == "set.jsonl" and result.n == 7
    # Six of seven rows are right; the blank one has no topic and counts as wrong.
    assert 0.7 < result.metrics["nmi"] < 1
    assert result.metrics["gold_labels"] == 2 and result.metrics["k"] == 3


def test_a_set_without_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text('{"text": "a"}')
    with pytest.raises(DataError, match="label"):
        evaluate(path)


@pytest.mark.eval
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("name", "nmi", "ari"),
    # Measured 0.805, 0.914, 0.513 and 0.502. Floors are the bars, where chance leaves room for them: a few questions
    # that fall on the other side of a border move these by 0.01, and by more where there are 109 questions.
    [("banking77", 0.79, 0.50), ("clinc150", 0.86, 0.65), ("sib200_en", 0.45, 0.22), ("sib200_10lang", 0.42, 0.28)],
)
def test_agreement_with_gold_labels(name: str, nmi: float, ari: float) -> None:
    path = SETS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent: the labelled sets do not ship with the project")
    metrics = evaluate(path).metrics
    assert metrics["nmi"] >= nmi and metrics["ari"] >= ari
