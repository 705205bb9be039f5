from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatlog.text.keywords import TermCounts
from chatlog.text.terms import stop_words, terms

CASES = json.loads((Path(__file__).parent / "terms.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_terms(case: dict[str, list[str]]) -> None:
    assert sorted(terms(str(case["input"]))) == sorted(case["expected"])


def test_long_texts_are_cut_and_hostile_ones_are_read_in_time() -> None:
    assert terms("a" * 10_000_000) == set()
    assert terms("<a " * 100_000) is not None
    assert terms("http://" * 100_000) is not None


def counted(groups: dict[int, list[str]]) -> TermCounts:
    counts = TermCounts()
    for group, texts in groups.items():
        for text in texts:
            counts.add(group, text)
    return counts


def test_keywords_set_a_group_apart() -> None:
    counts = counted(
        {
            0: ["bake bread slowly", "bake bread in an oven", "bread and butter recipe", "recipe for bread"],
            1: ["python traceback slowly", "python script", "fix python traceback", "recipe in python"],
        }
    )
    words = counts.keywords(2, min_texts=2)
    assert words[0][0] == "bread" and words[1] == ["python", "traceback"]


def test_a_longer_term_replaces_its_part_and_forms_are_named_once() -> None:
    counts = counted(
        {
            0: ["machine learning course", "machine learning book", "machine learning recipes"],
            1: ["recipe", "recipes", "recipe recipes", "recipes recipe"],
            2: ["机器学习课程", "机器学习书籍", "机器学习"],
        }
    )
    words = counts.keywords(5, min_texts=3)
    assert words[0] == ["machine learning"]
    assert len(words[1]) == 1
    assert words[2] == ["机器学习"]


def test_rare_terms_are_left_out() -> None:
    assert counted({0: ["alpha beta", "alpha gamma"]}).keywords(10, min_texts=2) == {0: ["alpha"]}


def test_stop_words_are_lower_case() -> None:
    assert all(word == word.lower() for word in stop_words()) and len(stop_words()) > 1500
