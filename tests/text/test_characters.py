from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from chatlog.text import characters
from chatlog.text.characters import clean
from chatlog.text.prose import prose, prose_lines
from chatlog.text.scripts import script_weights

NOISE = regex.compile(r"[\p{N}\p{S}\p{Co}\p{Cn}_*#|~/\\=+<>\[\](){}\"“”„«»:;•·–—\s-]+")
LONG_RUN = regex.compile(r"(\w)\1{3,}")

TEXTS = [
    "",
    "   ",
    "Wiiiiiie spät ist es?\n\nUm 12:30 Uhr — oder?",
    "これは本です。 漢字とかな、カタカナ",
    "你好，请写一首诗 3 次",
    "Привет, мир! 🙂🙂 ok",
    "हिन्दी में लिखो",
    "a\u0301b\u2028c\x1cd",
    "\U0001f600 x \U000e0100 \U0010ffff y",
    "한국어 abc",
]


def one_by_one(text: str) -> str:
    """The same by regular expressions, a text at a time."""
    return LONG_RUN.sub(r"\1\1\1", NOISE.sub(" ", text)).strip()


@pytest.mark.parametrize("text", TEXTS[:-2] + TEXTS[-1:], ids=range(len(TEXTS) - 1))
def test_a_line_is_what_patterns_leave(text: str) -> None:
    assert clean([text])[0].words == one_by_one(text)


@given(st.lists(st.text(st.characters(max_codepoint=0x323FF, exclude_categories=["Cs"]), max_size=40), max_size=6))
def test_lines_are_what_patterns_leave(texts: list[str]) -> None:
    lines = clean(texts)
    assert [line.words for line in lines] == [one_by_one(text) for text in texts]
    assert [line.weights for line in lines] == [script_weights(line.words) for line in lines]


def test_many_at_once_are_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [clean([text])[0] for text in TEXTS]
    assert clean(TEXTS) == alone
    for piece in (1, 7, 30):
        monkeypatch.setattr(characters, "_PIECE", piece)
        assert clean(TEXTS) == alone
    assert clean([]) == []


def test_prose_of_many_is_prose_of_each() -> None:
    texts = ["see https://example.org `x` and", *TEXTS, "<p>Hola</p>\nx = 1;"]
    assert [line.words for line in prose_lines(texts)] == [prose(text) for text in texts]
