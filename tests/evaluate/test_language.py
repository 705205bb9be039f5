from __future__ import annotations

from pathlib import Path

import pytest

from chatlog.evaluate.language import accepted, evaluate, macro_f1, measure

EVAL = Path("../shared/eval/language")


def test_measure_by_hand() -> None:
    found = measure(["pt-BR", "nb", "de", "arz_Arab"], ["pt", "nn", "und", "ar"], ["word", "word", "text", "text"])
    assert found["accuracy"] == 0.75
    assert found["unknown_rate"] == 0.25
    assert found["by_kind"] == {"text": 0.5, "word": 1.0}
    assert found["macro_f1"] == pytest.approx(3 / 4)


def test_macro_f1_weighs_languages_alike() -> None:
    # a: 1 of 2 found, 1 given: 2/3; b: found, but given twice: 2/3.
    assert macro_f1(["a", "a", "b"], ["a", "b", "b"]) == pytest.approx(2 / 3)
    assert macro_f1([], []) is None


def test_any_of_a_mixed_texts_languages_is_right() -> None:
    row = {"languages": ["ar_dz", "fr"]}
    assert accepted(row, "fr") == "fr"
    assert accepted(row, "de") == "ar"


@pytest.mark.eval
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "floor", "unknown"),
    [("chat", 0.985, 0.02), ("lingua", 0.7, 0.05), ("ntrex", 0.75, 0.06), ("sib200", 0.55, 0.06)],
)
def test_floors(file: str, floor: float, unknown: float) -> None:
    path = EVAL / f"{file}.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets do not ship with the project")
    metrics = evaluate(path).metrics
    assert metrics["accuracy"] >= floor
    assert metrics["unknown_rate"] <= unknown
