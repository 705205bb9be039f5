from __future__ import annotations

import pytest

from chatlog.text.noise import has_digit_letter, is_mashed, legible, spell_digits


def wrongly(text: str, encoding: str) -> str:
    """UTF-8 read in an older encoding, with its holes as C1 controls, as browsers read them."""
    return "".join(
        bytes([byte]).decode(encoding) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x98, 0x9D) else chr(byte)
        for byte in text.encode()
    )


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "latin-1"])
def test_nothing_is_left_of_a_text_that_was_decoded_wrongly(encoding: str) -> None:
    assert legible(wrongly("привет как дела сегодня", encoding)).strip() == ""


def test_a_few_wrong_signs_are_taken_out_of_what_can_be_read() -> None:
    assert legible(wrongly("It’s a fine day outside", "cp1252")) == "It s a fine day outside"


@pytest.mark.parametrize(
    "text",
    ["plain", "naïve façade — où l’été", "Her Ähre Øre Ñandú", "Сёмга, Её, Рыба", "Être à « Paris »", "ça va, Zoë?"],
)
def test_right_letters_stay(text: str) -> None:
    assert legible(text) == text


@pytest.mark.parametrize("line", ["sdfkjhsdkjfh", "asdfghjkl asdfgh", "qwertyuiop", "hjkl hjkl hjkl", "zxcvbnm"])
def test_mashed(line: str) -> None:
    assert is_mashed(line)


@pytest.mark.parametrize("line", ["rhythm and blues", "html", "strengths", "être prêt", "đường phố", "vlk", ""])
def test_not_mashed(line: str) -> None:
    assert not is_mashed(line)


def test_digits_that_stand_for_letters() -> None:
    assert spell_digits("ana 3andi soual 3la l7aja, 42 fois") == "ana ʕandi soual ʕla lʜaja, 42 fois"
    assert has_digit_letter("l" + "ʜ" + "aja") and not has_digit_letter("l7aja")


@pytest.mark.parametrize("text", ["my mp3 and win7", "an h3llo", "at 9am on the 3rd or 7th", "sha a3f9 b7c2d1", "7zip"])
def test_other_digits_stay(text: str) -> None:
    assert spell_digits(text) == text
