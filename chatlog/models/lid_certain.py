"""The language of each of many texts, where it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatlog.models.language_means import UNSURE
from chatlog.models.lid import LanguageIdentifier
from chatlog.text.prose import prose_lines

LANGUAGE_MODEL: Final = "lid.176.ftz"
"""Carried by a package, as in the stage `language`."""

_SAMPLE: Final = 500
_SCORE: Final = 0.8
_LETTERS: Final = 12


def certain_languages(texts: Sequence[str], identifier: LanguageIdentifier) -> list[str]:
    """The code of each text's language, empty where it is not certain; scripts and regions of a language are one."""
    found = []
    for words, weights in prose_lines(texts, _SAMPLE):
        guess = identifier.guess(words, weights)
        sure = guess.score >= _SCORE and guess.weight >= _LETTERS
        found.append(guess.code.split("-")[0] if sure else UNSURE)
    return found
