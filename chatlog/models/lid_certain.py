"""The language of each of many texts, where it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatlog.models.language_means import UNSURE
from chatlog.models.lid import Guess, LanguageIdentifier
from chatlog.text.prose import prose_lines

LANGUAGE_MODEL: Final = "lid.176.ftz"
"""Carried by a package, as in the stage `language`."""

SAMPLE: Final = 500
"""Characters of a text that are looked at."""

_SCORE: Final = 0.8
_LETTERS: Final = 12


def is_certain(guess: Guess) -> bool:
    """Whether a guess may decide by itself what is done with a text."""
    return guess.score >= _SCORE and guess.weight >= _LETTERS


def certain_languages(texts: Sequence[str], identifier: LanguageIdentifier) -> list[str]:
    """The code of each text's language, empty where it is not certain; scripts and regions of a language are one."""
    found = []
    for words, weights in prose_lines(texts, SAMPLE):
        guess = identifier.guess(words, weights)
        found.append(guess.code.split("-")[0] if is_certain(guess) else UNSURE)
    return found
