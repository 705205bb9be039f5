from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.text.word_forms import base, key_of
from chatlog.text.words import Role, articles, links, runs, stop_words, weak_words

pytest.importorskip("icu4py")

CASES = json.loads((Path(__file__).parent / "words.json").read_text(encoding="utf-8"))


def shown(text: str) -> list[str]:
    """The runs, as they would be written."""
    found = []
    for run in runs(text):
        written = ""
        for word in run:
            written += word.surface if not written or word.joined else f" {word.surface}"
        found.append(written)
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_runs_of_words(case: dict[str, list[str]]) -> None:
    assert shown(str(case["input"])) == case["expected"]


def test_words_of_unspaced_scripts_are_words_and_not_characters() -> None:
    (run,) = runs("机器学习")
    assert [word.surface for word in run] == ["机器", "学习"]


def test_roles() -> None:
    roles = {word.surface: word.role for run in runs("cost of living, shopping list, 热水器") for word in run}
    assert roles["of"] is Role.LINKS and roles["list"] is Role.ENDS and roles["living"] is Role.NAMES


@pytest.mark.parametrize(
    ("one", "other"),
    [("историю", "история"), ("الاصطناعي", "اصطناعي"), ("Бельё", "белье"), ("ذكاء", "ذكاءً"), ("کتاب‌ها", "کتاب")],
)
def test_forms_of_one_word_have_one_key(one: str, other: str) -> None:
    (first,), (second,) = ([word.key for run in runs(text) for word in run] for text in (one, other))
    assert first == second and first == key_of(first)


def test_bases_are_told_for_attested_words() -> None:
    assert "recipe" in base("recipes") and "story" in base("stories") and "cancel" in base("cancelled")
    assert "write" in base("writing") and list(base("glass")) == []


def test_stop_words_are_lower_case_and_of_many_languages() -> None:
    assert all(word == word.lower() for word in stop_words()) and len(stop_words()) > 3500
    assert {"the", "der", "的", "是", "です", "ครับ", "और", "для", "ve", "yang", "của"} - {"的", "です"} <= stop_words()
    assert not links() & articles() and not weak_words() & stop_words()


@given(st.text(max_size=300))
def test_any_text_has_words(text: str) -> None:
    for run in runs(text):
        assert run and run[0].role is not Role.LINKS and run[-1].role is not Role.LINKS
        assert all(word.surface and word.key for word in run)


def test_long_texts_are_cut_and_hostile_ones_are_read_in_time() -> None:
    began = time.perf_counter()
    assert runs("a" * 10_000_000) == []
    for hostile in ("<a ", "http://", "```", "a.", "a-'", "机", "の", "ー", "\u200d", "`a`", "a_", "1a", "새"):
        runs(hostile * 100_000)
    assert time.perf_counter() - began < 10
