from __future__ import annotations

import pytest

from chatlog.text.code_mix import romanised_mixture, without_romanised
from chatlog.text.function_words import has_romanised, phrase_language


def test_the_words_of_each_language_are_counted_with_their_neighbours() -> None:
    # mujhe ... batao: 5 words of 23 letters; the movie is: a neighbour goes with what is before it.
    found = romanised_mixture("mujhe batao bhai kya hai the movie is good")
    assert found == {"hi-Latn": 20.0, "en": 14.0}


@pytest.mark.parametrize("line", ["", "the movie is good", "mujhe batao bhai kya hai", "wallah the end"])
def test_no_mixture(line: str) -> None:
    assert romanised_mixture(line) == {}


def test_one_word_is_enough_where_the_rest_is_surely_of_that_language() -> None:
    line = "wallah kifach ndir pour examen"
    assert romanised_mixture(line) == {}
    assert romanised_mixture(line, "fr") == {"ar-Latn": 16.0, "fr": 10.0}


def test_romanised_words_are_known() -> None:
    assert without_romanised("mujhe batao the movie") == "the movie"
    assert has_romanised("mujhe batao please")
    assert not has_romanised("please tell me batao")


def test_phrases_of_chats() -> None:
    assert phrase_language("¡gracias!") == "es"
    assert phrase_language("sí, por favor") == "es"
    assert phrase_language("gracias a la vida") == ""
