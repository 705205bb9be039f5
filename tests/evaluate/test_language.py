from __future__ import annotations

from pathlib import Path

import pytest

from chatlog.evaluate.language import accepted, evaluate, macro_f1, measure, mixture, share_error, token_shares

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


def test_mixtures_by_hand() -> None:
    found = mixture([["ar", "fr"], ["fy", "nl"], ["de"], ["en"]], [["arz", "fr"], ["nl"], ["de", "en"], ["en", "und"]])
    assert found == {"recall": 0.75, "told": 0.5, "false": 0.5}
    assert mixture([["de"]], [["de"]])["recall"] is None


def test_shares_by_hand() -> None:
    row = {"tokens": ["3andi", "les", ",", "ok"], "token_languages": ["ar_dz", "fr", "fr", "_"]}
    assert token_shares(row) == {"ar": 5.0, "fr": 3.0}
    # 5/8 of the first are found by half, all of the second; the third has no gold and does not count.
    gold = [token_shares(row), {"de": 2.0}, {}]
    found = [{"ar-Latn": 0.5, "en": 0.5}, {"de": 1.0}, {"en": 1.0}]
    assert share_error(gold, found) == pytest.approx((0.5 + 0.0) / 2)
    assert share_error([{}], [{}]) is None


@pytest.mark.eval
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "floor", "unknown"),
    [("chat", 0.99, 0.02), ("lingua", 0.78, 0.11), ("ntrex", 0.78, 0.1), ("sib200", 0.62, 0.13)],
)
def test_floors(file: str, floor: float, unknown: float) -> None:
    path = EVAL / f"{file}.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets do not ship with the project")
    metrics = evaluate(path).metrics
    assert metrics["accuracy"] >= floor
    assert metrics["unknown_rate"] <= unknown
    if file == "lingua":
        assert metrics["by_kind"]["single_word"] >= 0.62


@pytest.mark.eval
def test_mixed_texts_are_told() -> None:
    path = EVAL / "codemix.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets do not ship with the project")
    metrics = evaluate(path).metrics
    assert metrics["accuracy"] >= 0.6
    assert metrics["mixture"]["recall"] >= 0.42
