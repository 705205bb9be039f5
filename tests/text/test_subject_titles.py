from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.text.subject_titles import MIXED, About, title
from chatlog.text.subjects import subjects
from chatlog.text.term_choice import Term


def term(surface: str, share: float = 0.3) -> Term:
    words = frozenset(hash(word) for word in surface.split())
    return Term(surface, share, share, frozenset(range(int(100 * share))), words)


BREAD = [term("dough"), term("bread", 0.25), term("oven", 0.2), term("rye", 0.1), term("salt", 0.05)]


@pytest.mark.parametrize(
    ("about", "terms", "name", "by"),
    [
        (About(("Cooking and recipes",)), BREAD, "Cooking and recipes: dough, bread, oven", "subjects"),
        (About(("Cooking and recipes",)), [term("recipes"), term("cook")], "Cooking and recipes", "subjects"),
        (About(("Cooking and recipes",)), [term("salt", 0.05)], "Cooking and recipes", "subjects"),
        (About(field="Food and drink", parts=("Food", "Health")), BREAD[:1], "Food and drink: dough", "subjects"),
        (About(parts=("Food", "Health", "Games")), BREAD, "Dough · bread · oven", "keywords"),
        (About(parts=("Food", "Health", "Games")), [term("salt", 0.1)], "Food, health and more", "subjects"),
        (About(parts=("Food",)), [], "Food and more", "subjects"),
        (About(), [term("salt", 0.1)], "Salt", "keywords"),
        (About(languages=("German", "Thai", "Czech", "Lao")), [], f"{MIXED}: German, Thai, Czech", None),
        (About(), [], MIXED, None),
    ],
)
def test_names(about: About, terms: list[Term], name: str, by: str | None) -> None:
    assert title(about, terms, set()) == (name, by)


def test_a_name_that_is_taken_goes_on() -> None:
    taken: set[str] = set()
    both = About(("Cooking and recipes", "Baking and desserts"), parts=("Food",))
    names = [title(both, BREAD, taken)[0] for _ in range(2)] + [title(both, [], taken)[0] for _ in range(4)]
    assert names == [
        "Cooking and recipes: dough, bread, oven",
        "Cooking and recipes: dough, bread, oven, rye",
        "Cooking and recipes",
        "Cooking and recipes · Baking and desserts",
        "Cooking and recipes · Food",
        "Cooking and recipes (2)",
    ]
    mixed = About(parts=("Food", "Health", "Games"), languages=("German", "Thai"))
    assert [title(mixed, [], taken)[0] for _ in range(5)] == [
        "Food, health and more",
        "Food, health, games and more",
        f"{MIXED}: German, Thai",
        MIXED,
        "Food, health and more (2)",
    ]


SOME = st.lists(st.sampled_from("Food Health Games Money".split()), max_size=3, unique=True).map(tuple)


@given(
    st.lists(
        st.tuples(
            st.builds(About, SOME, st.sampled_from(["", "Food"]), SOME, SOME),
            st.lists(st.sampled_from(BREAD), max_size=3, unique_by=lambda one: one.surface),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_no_two_names_are_alike(topics: list[tuple[About, list[Term], bool]]) -> None:
    taken = {"none"}
    names = [title(about, terms, taken, theme=theme)[0] for about, terms, theme in topics]
    assert len({name.casefold() for name in names} | {"none"}) == len(names) + 1
    assert all(names)


def test_the_catalogue_is_whole() -> None:
    every = subjects()
    titles, fields = [one.title for one in every], {one.field for one in every}
    assert len(every) > 350 and len(fields) > 20
    assert len({one.casefold() for one in titles} | {one.casefold() for one in fields}) == len(titles) + len(fields)
    for one in every:
        assert one.field and one.part and one.text.startswith(f"{one.title}: ") and one.text.count(";") >= 1, one
        assert 1 <= len(one.title.split()) <= 6 and one.title[0].isupper()
