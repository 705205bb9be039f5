"""Guesses at languages by their small words and by phrases, where an identifier's model does not know them."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt
import regex

from chatlog.text.noise import has_digit_letter

_SIGNS: Final = ",.!?…%"
_AROUND: Final = " .,!?…¡¿()'-؟،।。！？"
_WORD: Final = regex.compile(r"['’ʻ]?[\p{L}\p{M}]+(?:['’ʻ-][\p{L}\p{M}]*)*")


def _lines(name: str) -> list[str]:
    text = files("chatlog.text").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _weights() -> tuple[list[str], dict[str, int], npt.NDArray[np.float64]]:
    """The languages, sorted; the row of each word; and `(words, languages)`: how much it speaks for each."""
    owners: dict[str, set[str]] = {}
    for line in (*_lines("function_words.txt"), *_lines("function_words_romanised.txt")):
        code, *words = line.split()
        for word in words:
            owners.setdefault(word, set()).add(code)
    languages = sorted(set().union(*owners.values()))
    column = {code: place for place, code in enumerate(languages)}
    weights = np.zeros((len(owners), len(languages)))
    for row, codes in enumerate(owners.values()):
        # A word of three languages says a third of the third: shared words should not outvote a language's own.
        weights[row, [column[code] for code in codes]] = len(codes) ** -1.5
    return languages, {word: row for row, word in enumerate(owners)}, weights


_LANGUAGES, _ROWS, _WEIGHTS = _weights()

_PHRASES: Final = {
    phrase.strip(): code
    for line in _lines("phrases.txt")
    for code, _, phrases in [line.partition(" ")]
    for phrase in phrases.split("|")
}
_LONGEST_PHRASE: Final = max(map(len, _PHRASES)) + 4


def phrase_language(line: str) -> str:
    """The language of a message that is one of the phrases of every chat, lower case; empty for another."""
    if len(line) > _LONGEST_PHRASE:
        return ""
    return _PHRASES.get(line.strip(_AROUND).replace("’", "'").replace(",", ""), "")


_NONE: Final[frozenset[str]] = frozenset()
_ARABIC: Final = frozenset(["ar-Latn"])
_OWNERS: Final = {
    word: frozenset(code for code, weight in zip(_LANGUAGES, _WEIGHTS[row], strict=True) if weight)
    for word, row in _ROWS.items()
}


def word_languages(word: str) -> frozenset[str]:
    """The languages that have a word, lower case, among their small words."""
    return _OWNERS.get(word) or (_ARABIC if has_digit_letter(word) else _NONE)


_ROMANISED: Final = frozenset(word for word, codes in _OWNERS.items() if all(code.endswith("-Latn") for code in codes))


def has_romanised(line: str) -> bool:
    """Whether a line, lower case, holds words of romanised languages alone: two, or one with a digit for a letter."""
    return (not line.isascii() and has_digit_letter(line)) or sum(map(_ROMANISED.__contains__, line.split())) > 1


def arabic_share(line: str) -> float:
    """The share of a lower-case line's words that romanised Arabic has: by digits for letters, or small words."""
    words = _WORD.findall(line)
    return sum("ar-Latn" in word_languages(word) for word in words) / len(words) if words else 0.0


def small_words(line: str, least: float = 0.0) -> tuple[str, float, float]:
    """The language whose small words fill `line` best, the share of its words that they are, and its lead.

    The share and the lead over the next language are weighted by how few languages share a word; an
    empty code where no word is known, or where the share is below `least`. `line` must be in lower case.
    """
    line = line.replace("’", "'").replace("ʻ", "'")
    if least:
        # No word weighs more than 1, and one with a sign at its end may be known: most lines are settled by a count.
        words = line.split()
        if sum(map(_ROWS.__contains__, words)) + sum(map(line.count, _SIGNS)) < least * len(words):
            return "", 0.0, 0.0
    words = _WORD.findall(line)
    rows = [row for word in words if (row := _ROWS.get(word)) is not None]
    if not rows:
        return "", 0.0, 0.0
    scores = _WEIGHTS.take(rows, axis=0).sum(axis=0)
    best = int(scores.argmax())  # the alphabetically first of equals
    score = float(scores[best])
    if score < least * len(words):
        return "", 0.0, 0.0
    scores[best] = 0.0
    return _LANGUAGES[best], score / len(words), score - float(scores.max())
