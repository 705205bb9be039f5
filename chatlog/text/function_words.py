"""Guesses at languages by their small words, for those that the identifier's model does not know."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import regex

_WORD: Final = regex.compile(r"['’ʻ]?[\p{L}\p{M}]+(?:['’ʻ-][\p{L}\p{M}]*)*")


def _weights() -> dict[str, tuple[tuple[str, float], ...]]:
    text = files("chatlog.text").joinpath("function_words.txt").read_text(encoding="utf-8")
    owners: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            code, *words = line.split()
            for word in words:
                owners.setdefault(word, set()).add(code)
    # A word of three languages says a third of the third: shared words should not outvote a language's own.
    return {word: tuple((code, len(codes) ** -1.5) for code in sorted(codes)) for word, codes in owners.items()}


_OWNERS: Final = _weights()


def small_words(line: str) -> tuple[str, float, float]:
    """The language whose small words fill `line` best, the share of its words that they are, and its lead.

    The share and the lead over the next language are weighted by how few languages share a word; an
    empty code where no word is known. `line` must be in lower case.
    """
    words = _WORD.findall(line.replace("’", "'").replace("ʻ", "'"))
    scores: dict[str, float] = {}
    for word in words:
        for code, weight in _OWNERS.get(word, ()):
            scores[code] = scores.get(code, 0.0) + weight
    if not scores:
        return "", 0.0, 0.0
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    best, score = ranked[0]
    runner_up = ranked[1][1] if len(ranked) > 1 else 0.0
    return best, score / len(words), score - runner_up
