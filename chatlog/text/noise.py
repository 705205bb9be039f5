"""Letters that say nothing: text that was decoded wrongly, and keys that were hit at random."""

from __future__ import annotations

from typing import Final

import regex

# UTF-8 bytes that were read as Windows-1252 or Latin-1: a first byte, then as many following bytes as it announces.
_FOLLOWING: Final = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
# The same of UTF-8 Cyrillic that was read as Windows-1251: Р or С, then a sign that no Russian word has there.
_FOLLOWING_1251: Final = "[\u0402-\u040f\u0452-\u045f\u0080-\u00bfЁёҐґ‚„…†‡€‰‹‘’“”•–—™›№]"
_MOJIBAKE: Final = regex.compile(
    rf"(?:[Â-ß]{_FOLLOWING}|[à-ï]{_FOLLOWING}{{2}}|[ð-ô]{_FOLLOWING}{{3}}|\ufffd)+"
    rf"|(?:[РС]{_FOLLOWING_1251}){{2,}}|(?:锟斤拷)+|(?:烫烫|屯屯)+"
)
_SIGN: Final = regex.compile(rf"[Â-ô]{_FOLLOWING}|\ufffd|[РС]{_FOLLOWING_1251}|锟斤拷|烫烫|屯屯")
_LETTER: Final = regex.compile(r"[\p{L}\ufffd]")
_MOST: Final = 0.3
"""Share of the letters beyond which nothing is to be read in a text that was decoded wrongly."""


def legible(text: str) -> str:
    """The text without letters that wrong decoding made; empty where they are most of it."""
    if text.isascii() or _SIGN.search(text) is None:
        return text
    taken = 0

    def blank(match: regex.Match[str]) -> str:
        nonlocal taken
        taken += match.end() - match.start()
        return " "

    without = _MOJIBAKE.sub(blank, text)
    if not taken:
        return text
    return "" if taken > _MOST * (taken + len(_LETTER.findall(without))) else without


_VOWEL: Final = regex.compile(r"[aeiouy]|[\p{Latin}--[a-z]]", regex.V1)
_LATIN: Final = regex.compile(r"[\p{Latin}]")
_ROWS: Final = regex.compile(
    r"asdf|sdfg|dfgh|fghj|ghjk|hjkl|qwer|wert|rtyu|tyui|zxcv|xcvb|cvbn|vbnm|lkjh|kjhg|poiu|oiuy|;lkj"
)
_FEW_VOWELS: Final = 0.13
_LEAST: Final = 6


def is_mashed(line: str) -> bool:
    """Whether a line in lower-case Latin letters is keys hit at random: hardly a vowel, or a keyboard's rows."""
    letters = len(_LATIN.findall(line))
    if letters < _LEAST:
        return False
    if sum(len(run) for run in _ROWS.findall(line)) * 2 >= letters:
        return True
    # A letter with an accent is taken for a vowel: those with few of either are written in no language.
    return len(_VOWEL.findall(line)) < _FEW_VOWELS * letters
