from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlog.text.contamination import Part, Parts, Widths
from chatlog.text.ngrams import CHUNK, stands_in, trimmed, words_of
from chatlog.text.normalise import fold

WIDTHS = Widths((3, 4), (2, 3), 100)
SMALL = st.lists(st.sampled_from(["a", "b", "ab", "b, a", "a.", "黒", "海に", "ไท", "é", "ÿ", "-"]), max_size=12).map(
    " ".join
)


def plain_words(text: str) -> list[str]:
    """The slow way: a word at a time."""
    return re.findall(r"[黒海に]|[\u0e00-\u0e7f]|[^\W黒海に\u0e00-\u0e7f_]+", text)


def plain_grams(text: str, width: int) -> set[tuple[str, ...]]:
    words = plain_words(text)
    return {tuple(words[at : at + width]) for at in range(len(words) - width + 1)}


@settings(max_examples=200, deadline=None)
@given(st.lists(SMALL, max_size=5), st.integers(1, 4))
def test_equal_ngrams_have_equal_hashes_and_others_have_not(texts: list[str], width: int) -> None:
    texts = [fold(text) for text in texts]
    hashes: dict[int, tuple[str, ...]] = {}
    for piece in words_of(texts):
        grams, owner = piece.grams(width)
        told = [
            tuple(plain_words(text)[at : at + width])
            for text in texts
            for at in range(len(plain_words(text)) - width + 1)
        ]
        assert owner.tolist() == [
            number for number, text in enumerate(texts) for _ in range(max(0, len(plain_words(text)) - width + 1))
        ]
        for value, gram in zip(grams.tolist(), told, strict=True):
            assert hashes.setdefault(value, gram) == gram
    assert len(set(hashes.values())) == len(hashes)


@settings(max_examples=200, deadline=None)
@given(st.lists(SMALL, min_size=1, max_size=4), st.lists(SMALL, max_size=6))
def test_shares_are_those_of_sets_of_tuples(items: list[str], texts: list[str]) -> None:
    parts = [Part(fold(item), 0) for item in items]
    texts = [fold(text) for text in texts]
    for text, hits in zip(texts, Parts(parts, WIDTHS).find(texts), strict=True):
        found = {hit.part: (hit.exact, hit.share) for hit in hits}
        for number, part in enumerate(parts):
            words = plain_words(part.text)
            unspaced = sum(bool(re.match(r"[黒海に\u0e00-\u0e7f]", word)) for word in words) * 2 > len(words)
            width, least = (4, 3) if unspaced else (3, 2)
            grams = plain_grams(part.text, width)
            inside = len(words) >= least and stands_in(trimmed(part.text), text)
            share = len(grams & plain_grams(text, width)) / len(grams) if grams else 0
            if text and (text == part.text or inside):
                assert found.get(number) == (True, 1.0)
            else:
                assert found.get(number, (False, 0)) == (False, share)


def test_no_ngram_of_a_text_that_is_hashed_in_pieces_is_lost() -> None:
    words = [f"w{number}" for number in range(2 * CHUNK // 7)]
    text = " ".join(words)
    assert len(text) > 2 * CHUNK
    pieces = list(words_of(["before", text, "after"]))
    assert len(pieces) > 2
    found = np.unique(np.concatenate([piece.grams(13)[0] for piece in pieces]))
    assert found.size == len(words) - 12


def test_a_text_without_spaces_is_hashed_in_pieces_too() -> None:
    text = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(CHUNK + 10_000))
    found = np.unique(np.concatenate([piece.grams(20)[0] for piece in words_of([text])]))
    whole = {text[at : at + 20] for at in range(len(text) - 19)}
    assert found.size == len(whole)
    assert sum(piece.owner.size for piece in words_of(["x" * (3 * CHUNK)])) < 10


@pytest.mark.parametrize(
    ("part", "text", "found"),
    [
        ("a b", "a b", True),
        ("a b", "xa b a bx a b", True),
        ("a b", "xa b, a bx", False),
        ("a b", "a b́", False),  # a mark goes on with its letter
        ("黒海", "大黒海に", True),
        ("x² + 1", "(x2 + 1)", False),
    ],
)
def test_a_part_stands_between_words(part: str, text: str, found: bool) -> None:
    assert stands_in(part, text) is found


def test_trimming_keeps_what_is_between_the_first_word_and_the_last() -> None:
    assert trimmed("“(hello, world)!” ") == "hello, world"
    assert trimmed("?!") == trimmed("") == ""


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.text(max_size=60))
def test_any_text_is_found_in_itself_and_between_others(items: list[str], other: str) -> None:
    parts = [Part(fold(item), number) for number, item in enumerate(items)]
    known = Parts(parts, WIDTHS)
    known.find([fold(other), ""])
    for number, part in enumerate(parts):
        if not part.text:
            continue
        whole, between = known.find([part.text, f"before {part.text} after"])
        assert number in {hit.part for hit in whole if hit.exact}
        (words,) = words_of([part.text])
        if words.owner.size >= 3:
            assert number in {hit.part for hit in between if hit.exact}
