from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlog.text.corpus import Corpus
from chatlog.text.keywords import best_terms
from chatlog.text.titles import theme_titles, titles, unique, written

pytest.importorskip("icu4py")


def corpus(groups: dict[int, list[str]], vocabulary: int = 1000) -> Corpus:
    """Each text by a person of its own."""
    found = Corpus(vocabulary)
    who = 0
    for group, texts in groups.items():
        for text in texts:
            found.add(group, who, text)
            who += 1
    return found


def told(groups: dict[int, list[str]], n: int = 10, min_users: int = 2) -> list[list[str]]:
    terms = best_terms(corpus(groups), [[group] for group in groups], n, min_users)
    return [[term.surface for term in each] for each in terms]


BREAD = ["bake bread slowly", "bake bread in an oven", "bread and butter recipe", "recipe for bread"]
PYTHON = ["python traceback slowly", "python script", "fix python traceback", "recipe in python"]


def test_keywords_set_a_group_apart() -> None:
    bread, python = told({0: BREAD, 1: PYTHON})
    assert bread[0] == "bake bread" and python[0] == "python traceback"
    assert not any("slowly" in term for term in bread + python)


def test_a_phrase_replaces_its_words_and_forms_are_named_once() -> None:
    learning, recipes, chinese = told(
        {
            0: ["machine learning course", "machine learning book", "machine learning recipes"],
            1: ["recipe", "recipe", "recipe!", "Recipes?"],
            2: ["机器学习课程", "机器学习书籍", "机器学习"],
        },
        min_users=3,
    )
    assert learning == ["machine learning"] and len(recipes) == 1 and chinese == ["机器学习"]


def test_words_are_written_as_most_people_write_them() -> None:
    ((first, *_),) = told({0: ["SQL joins", "SQL joins", "SQL joins", "sql joins", "tune SQL"]})
    assert first == "SQL joins"


def test_phrases_hold_the_small_words_inside_of_them() -> None:
    assert told({0: ["the cost of living"] * 3, 1: ["receta de pollo"] * 3}) == [
        ["cost of living"],
        ["receta de pollo"],
    ]


def test_a_word_of_too_few_people_is_never_told() -> None:
    assert told({0: ["alpha beta", "alpha gamma"]}) == [["alpha"]]
    one = Corpus()
    for number in range(20):
        one.add(0, 7, f"secretword number {number} tulips")  # one person, again and again
    for who in range(3):
        one.add(0, who, "tulips")
    assert [term.surface for term in best_terms(one, [[0]], 10, 2)[0]] == ["tulips"]


def test_one_of_two_spellings_that_few_wrote_is_not_told() -> None:
    # Three wrote a form of the word; none of the forms was written by three.
    assert told({0: ["smith", "smiths", "smith's"], 1: ["tulips"] * 3}, min_users=4)[0] == []
    assert told({0: ["гермиона", "гермионы", "гермиону"]}, min_users=2)[0] == []


def test_the_same_text_by_one_person_counts_once() -> None:
    found = Corpus()
    for _ in range(50):
        found.add(0, 1, "tulips")
    found.add(0, 2, "roses")
    found.add(0, 3, "roses")
    assert [term.surface for term in best_terms(found, [[0]], 5, 2)[0]] == ["roses"]


def test_vocabulary_stays_small() -> None:
    found = Corpus(vocabulary=50)
    for number in range(2000):
        found.add(0, number, f"unheard{number}of tulips{'s' * (number % 3)}")
    assert len(found.words) < 100
    assert "tulips" in [term.surface for term in best_terms(found, [[0]], 5, 3)[0]]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 6),
            st.lists(st.sampled_from("tulip rose daisy Tulips vase of my list 学习 机器".split()), max_size=6),
        ),
        max_size=40,
    ),
    st.integers(2, 4),
)
@settings(max_examples=80, deadline=None)
def test_every_keyword_was_written_by_enough_people(texts: list[tuple[int, int, list[str]]], min_users: int) -> None:
    found = Corpus()
    for group, who, words in texts:
        found.add(group, who, " ".join(words))
    for group, terms in enumerate(best_terms(found, [[0], [1], [2]], 10, min_users)):
        for term in terms:
            pieces = term.surface.lower().split()
            writers = {
                who
                for g, who, words in texts
                if g == group and all(piece in " ".join(words).lower().split() for piece in pieces)
            }
            assert len(writers) >= min_users, term.surface


def names(groups: dict[int, list[str]]) -> list[str | None]:
    return titles(best_terms(corpus(groups), [[group] for group in groups], 10, 2), set())


def test_names_are_readable_and_no_two_are_equal() -> None:
    assert names({0: BREAD, 1: PYTHON}) == ["Bake bread · recipe", "Python traceback"]
    same = names({0: ["tulips"] * 3, 1: ["tulips"] * 3, 2: ["tulips roses"] * 3, 3: ["!"] * 3})
    assert same[:3] == [None, None, "Tulips roses"] or len({name for name in same if name}) == sum(map(bool, same))
    assert same[3] is None


def test_a_name_that_is_taken_goes_on_with_the_next_keyword() -> None:
    terms = best_terms(corpus({0: BREAD, 1: PYTHON}), [[0]], 10, 2)
    first, second, third = titles([terms[0], terms[0], terms[0]], set())
    assert first == "Bake bread · recipe" and first != second != third != first


def test_none_is_no_name() -> None:
    assert unique("none", {"none"}) == "none (2)"


def test_first_letters() -> None:
    assert [written([one, "b"]) for one in ("iced tea", "iPhone", "SQL", "机器学习", "ßeta")] == [
        "Iced tea · b",
        "iPhone · b",
        "SQL · b",
        "机器学习 · b",
        "SSeta · b",
    ]


def test_a_theme_is_named_by_what_its_topics_have_between_them() -> None:
    groups = {
        0: ["cheap flight", "flight delay", "book flight"] * 3,
        1: ["hotel room", "hotel near beach", "book hotel"] * 3,
        2: PYTHON * 3,
    }
    found = corpus(groups)
    terms = best_terms(found, [[0, 1], [2]], 10, 2)
    theme, _ = theme_titles(terms, set())
    assert theme is not None and "flight" in theme.lower() and "hotel" in theme.lower()


def test_a_topic_of_several_languages_is_named_in_one() -> None:
    groups = {
        0: ["distance to Paris", "distance to Rome", "距离", "距离", "the distance", "距离 巴黎"] * 2,
        1: PYTHON * 2,
    }
    (label, _), (terms, _) = names(groups), told(groups)
    assert {"distance", "距离"} <= set(terms) and label is not None
    assert label == "Distance · Paris · Rome" and "距离" not in label
