"""Which languages one message mixes, and how much of it each has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import regex

from chatlog.models.lid import Guess, LanguageIdentifier
from chatlog.text.code_mix import romanised_mixture, without_romanised
from chatlog.text.function_words import has_romanised
from chatlog.text.languages import UNKNOWN_CODE
from chatlog.text.scripts import keep_script, script_weights

Shares = list[tuple[str, float]]
"""BCP 47 code and share of the letters, the largest first; the shares of a message add up to 1."""

_SECOND_SCRIPT: Final = 0.1
"""Share of the letters from which on another script is looked at by itself."""
_CLEAR: Final = 0.6
"""Score that a piece needs to count for another language than its message's."""
_LEAST: Final = 10.0
"""Weighted letters that a piece needs to count for itself."""
_SHARE: Final = 0.1
"""Share below which a language is left out: a name or a loanword."""
_PIECES: Final = 8
"""Pieces of a message that are looked at."""
_MIXED: Final = 400
"""Characters in which small words of romanised languages are looked for."""
_WORDS: Final = 8
"""Words of a piece at most."""

_BREAK: Final = regex.compile(r"[.!?。！？؟;；\n]+")


def shares(words: str, weights: Mapping[str, float], whole: Guess, identifier: LanguageIdentifier) -> Shares:
    """The languages of a line of prose and their shares; empty where its language is unknown.

    What is written in each of several scripts is guessed by itself. A message in one script is looked at
    further where the second identifier hears another language in some stretch of it: it is cut at
    sentences and into pieces of a few words. Romanised languages, which no identifier knows, are told from
    European ones by their small words.

    Args:
        words: as of `prose`.
        weights: its letters by script.
        whole: what it was guessed to be as a whole.
        identifier: what guesses the pieces.
    """
    if whole.code == UNKNOWN_CODE:
        return []
    total = sum(weights.values())
    if total < 2 * _LEAST:
        return [(whole.code, 1.0)]
    if len(weights) > 1:  # seldom
        scripts = {script: weight for script, weight in weights.items() if weight >= _SECOND_SCRIPT * total}
        if len(scripts) > 1:
            return _kept(_of_scripts(words, scripts, whole, identifier), whole)
    if "Latn" in weights and has_romanised(line := words[:_MIXED].lower()):
        rest = identifier.guess(without_romanised(line))
        mixed = romanised_mixture(line, rest.code if rest.score >= _CLEAR else "")
        if mixed:
            return _kept(mixed, whole)
    if not identifier.hears_another(words, whole):
        return [(whole.code, 1.0)]
    found: dict[str, float] = {}
    for _, piece in zip(range(_PIECES), _pieces(words), strict=False):
        by_script = script_weights(piece)
        weight = sum(by_script.values())
        guess = identifier.guess(piece, by_script) if weight >= _LEAST else whole
        clear = guess.code != UNKNOWN_CODE and guess.score >= _CLEAR
        code = guess.code if clear else whole.code
        found[code] = found.get(code, 0.0) + weight
    return _kept(found, whole)


def _of_scripts(
    words: str, scripts: Mapping[str, float], whole: Guess, identifier: LanguageIdentifier
) -> dict[str, float]:
    """The language of what is written in each script, and how much it is."""
    found: dict[str, float] = {}
    for script, weight in scripts.items():
        guess = identifier.guess(keep_script(words, script), {script: weight}) if weight >= _LEAST else whole
        code = guess.code if guess.code != UNKNOWN_CODE and guess.score >= _CLEAR else whole.code
        found[code] = found.get(code, 0.0) + weight
    return found


def _kept(found: Mapping[str, float], whole: Guess) -> Shares:
    """The shares of the languages that are not too little to count."""
    total = sum(found.values())
    kept = {code: weight for code, weight in found.items() if weight >= _SHARE * total}
    rest = sum(kept.values())
    if not kept:
        return [(whole.code, 1.0)]
    return sorted(((code, weight / rest) for code, weight in kept.items()), key=lambda share: (-share[1], share[0]))


def _pieces(words: str) -> Iterator[str]:
    for sentence in _BREAK.split(words):
        listed = sentence.split()
        # Two even pieces say more than a whole one and a word.
        count = -(-len(listed) // _WORDS)
        size = -(-len(listed) // count) if count else 0
        for start in range(0, len(listed), size or 1):
            yield " ".join(listed[start : start + size])
