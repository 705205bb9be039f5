"""Letters that say nothing, and digits that stand for letters: mojibake, keys hit at random, Arabic chats."""

from __future__ import annotations

import re
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
_FEW_VOWELS: Final = 0.1
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


_INSIDE: Final = re.compile(r"[A-Za-z][379][A-Za-z]")
_DIGIT_WORD: Final = regex.compile(
    r"(?i)(?<![\w.-])(?!\d(?:rd|th|am|pm|px|kg|km|cm|mm|ft|gb|mb|ds)\b)(?:[a-z]+[379][a-z379]*|[379][a-z]{2,}[a-z379]*)(?![\w-])"
)
_DIGIT_LETTERS: Final = str.maketrans("379", "ʕʜʠ")
_DIGIT_LETTER: Final = re.compile("[ʕʜʠ]")


def spell_digits(text: str) -> str:
    """The text with the digits of Arabic chat words spelled as letters, so that they outlive other digits.

    `3andi`, `sa7bi` and `9ahwa` hold the letters that Latin has no sign for. One such word is a name of a
    thing (`mp3`, `win7`); two that differ are Arabic, or Berber.
    """
    if _INSIDE.search(text) is None or len({word.lower() for word in _DIGIT_WORD.findall(text)}) < 2:
        return text
    return _DIGIT_WORD.sub(lambda match: match[0].translate(_DIGIT_LETTERS), text)


def has_digit_letter(word: str) -> bool:
    """Whether a word holds a letter that `spell_digits` made."""
    return _DIGIT_LETTER.search(word) is not None
