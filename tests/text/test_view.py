from __future__ import annotations

import pytest
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


LOOKALIKES = [
    ("mail \u0430lice@ex\u0430mple.com now", "mail alice@example.com now"),
    ("IBAN GB82 W\u0415ST 1234 5698 7654 32", "IBAN GB82 WEST 1234 5698 7654 32"),
    ("Привет, как дела? Это Python и SQL.", "Привет, как дела? Это Python и SQL."),
    ("USB-кабель", "USB-кабель"),
    ("κόσμος hello", "κόσμος hello"),
]


@pytest.mark.parametrize(("text", "seen"), LOOKALIKES, ids=range(len(LOOKALIKES)))
def test_letters_that_pose_as_latin_ones_are_seen_through(text: str, seen: str) -> None:
    assert view(text).text == seen


@given(st.text(alphabet="aеоpс@.1\u200b\u0660１ Жж", max_size=40))
def test_places_lead_back_to_the_text(text: str) -> None:
    plain = view(text)
    kept = [at for at, character in enumerate(text) if character != "\u200b"]
    assert len(plain.text) == len(kept)
    assert [plain.start(at) for at in range(len(kept))] == kept
    assert [plain.end(at + 1) for at in range(len(kept))] == [at + 1 for at in kept]
