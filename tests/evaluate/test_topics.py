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
@pytest.mark.parametrize(
    ("name", "nmi", "ari"),
    # Measured 0.780 and 0.496, 0.902 and 0.711, 0.413 and 0.232, 0.108 and 0.044; the floors leave room for another
    # BLAS. The embedder knows English alone: in ten languages the floor only tells that topics are not languages.
    [("banking77", 0.76, 0.46), ("clinc150", 0.88, 0.67), ("sib200_en", 0.35, 0.17), ("sib200_10lang", 0.06, 0.01)],
)
def test_agreement_with_gold_labels(name: str, nmi: float, ari: float) -> None:
    path = SETS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent: the labelled sets do not ship with the project")
    metrics = evaluate(path).metrics
    assert metrics["nmi"] >= nmi and metrics["ari"] >= ari
