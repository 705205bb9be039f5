from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.text import signatures as module
from chatlog.text.shingles import characters, sampled_sets, windows, words
from chatlog.text.signatures import Scheme, signatures

TEXTS = st.lists(st.text(max_size=30), max_size=8)
SCHEME = Scheme("characters", 5, 128, 32, 2048, 42)


@given(TEXTS, st.integers(1, 7))
def test_equal_windows_have_equal_hashes_wherever_they_stand(texts: list[str], width: int) -> None:
    hashes, counts = windows(*characters(texts), width)
    at, seen = 0, dict[str, int]()
    for text, count in zip(texts, counts.tolist(), strict=True):
        expected = [text[i : i + width] for i in range(max(1, len(text) - width + 1))] if text else []
        assert count == len(expected)
        for shingle, value in zip(expected, hashes[at : at + count].tolist(), strict=True):
            if len(shingle) == width:
                assert seen.setdefault(shingle, value) == value
        at += count
    assert len(set(seen.values())) == len(seen), "different shingles collide"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("the quick brown fox", 4),
        ("  the,quick -- brown. fox!  ", 4),
        ("", 0),
        (" .,! ", 0),
        ("ça va très bien", 4),
        ("你好世界", 4),
        ("我用python写代码", 6),
        ("こんにちは", 5),
        ("สวัสดี ครับ", 10),  # marks of Thai count as its letters do
        ("안녕하세요 세계", 2),
        ("x1 y2", 2),
    ],
)
def test_words_are_told_apart_by_script(text: str, count: int) -> None:
    assert words([text])[1].tolist() == [count]


def test_words_are_hashed_alike_wherever_they_stand() -> None:
    values, counts = words(["red fish, blue fish", "", "fish  RED", "red"])
    assert counts.tolist() == [4, 0, 2, 1]
    red, fish, blue, again, third, upper, last = values.tolist()
    assert fish == again == third and red == last and len({red, fish, blue, upper}) == 4


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=40), max_size=6), st.integers(1, 30))
def test_sets_are_sorted_distinct_and_thinned_by_value(rows: list[list[int]], limit: int) -> None:
    hashes = np.array([value for row in rows for value in row], dtype=np.uint64)
    tags = (hashes & np.uint64(1)).astype(bool)
    values, sizes, levels = sampled_sets(hashes, tags, np.array([len(row) for row in rows], dtype=np.int64), limit)
    at = 0
    for row, size, level in zip(rows, sizes.tolist(), levels.tolist(), strict=True):
        whole = sorted({(value >> 34 & ~1) | (value & 1) for value in row})
        mine = values[at : at + size].tolist()
        assert mine == [value for value in whole if value < 1 << (30 - level)]
        assert size <= limit and (level == 0 or len(whole) > limit)
        at += size


def test_a_long_text_gives_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    long = "".join(map(chr, rng.integers(97, 123, size=40_000)))
    rows = [(long, long[::-1][:9000]), ("short", "one"), ("", long)]
    whole = signatures(rows, SCHEME)
    monkeypatch.setattr(module, "_CHUNK", 1_000)
    pieces = signatures(rows, SCHEME)
    assert whole == pieces


def test_nothing_has_no_signature() -> None:
    made = signatures([("", ""), ("text of some length", "")], SCHEME)
    assert made.bands.to_pylist()[0] is None and made.bits.to_pylist()[0] is None
    assert made.tagged_bits.to_pylist() == [None, None]
    assert len(made.bits.to_pylist()[1]) == 128
    assert len(signatures([], SCHEME).bands) == 0


def test_what_a_user_says_is_no_shingle_that_an_answer_shares() -> None:
    text = "a sentence that somebody says and somebody else repeats"
    made = signatures([(text, ""), ("", text)], SCHEME)
    left, right = (set(values) for values in made.shingles.to_pylist())
    assert not left & right and {value | 1 for value in left} == right
    assert not set(made.bands.to_pylist()[0]) & set(made.bands.to_pylist()[1])
