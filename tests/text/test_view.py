from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatlog.text.view import view


def test_digits_of_any_script_become_ascii() -> None:
    assert view("４１ ٤١ ४१ 𝟒𝟏").text == "41 41 41 41"


def test_offsets_map_back_over_invisible_characters() -> None:
    text = "a\u200bb\u200b\u200bc"
    seen = view(text)
    assert seen.text == "abc"
    assert text[seen.start(1) : seen.end(3)] == "b\u200b\u200bc"
    assert text[seen.start(0) : seen.end(1)] == "a"


@given(st.text(alphabet="ab１\u200b\u00adé中", max_size=30))
def test_every_character_of_the_view_stands_for_one_of_the_text(text: str) -> None:
    seen = view(text)
    for position, character in enumerate(seen.text):
        start, end = seen.start(position), seen.end(position + 1)
        assert end == start + 1
        assert view(text[start:end]).text == character
