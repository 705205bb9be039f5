from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st

from chatlog.text.literals import AFTER, Literals, matches

PATTERN = regex.compile(r"(?:key|pass word)[:=\s]{1,3}(?P<v>\w+)")


def near(text: str) -> list[tuple[int, int]]:
    literals = Literals([("key", "pass word"), ()])
    low = text.lower()
    return [match.span("v") for match in matches(PATTERN, text, 0, literals.hits(low))]


@given(
    st.lists(
        st.sampled_from(["key: ", "key=abc", "x" * 150, "y" * (AFTER + 50), " ", "pass\nword: z", "\n", "pass "]),
        max_size=12,
    )
)
def test_near_its_literals_a_rule_finds_what_it_finds_in_the_whole_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert near(text) == [match.span("v") for match in PATTERN.finditer(text)]


def test_a_match_that_runs_on_is_told_whole() -> None:
    text = "the key: " + "k" * (3 * AFTER) + " end"
    assert near(text) == [(9, 9 + 3 * AFTER)]


def test_rules_are_met_by_their_literals_and_those_without_always() -> None:
    literals = Literals([("alpha", "beta"), (), ("two words",)])
    assert literals.met("nothing") == 0b010
    assert literals.met("some beta") == 0b011
    assert literals.met("two\nwords") == 0b110
    assert literals.always == 0b010
