"""Language identification: what the script settles, fastText's lid.176, and ELD where that is not sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import regex

from chatlog.models.lid_ensemble import Ensemble, Evidence
from chatlog.models.lid_fasttext import FastText
from chatlog.models.weights import locate_file
from chatlog.text.by_script import BY_SCRIPT, LARGEST, NOT_LATIN, by_letters, in_script
from chatlog.text.function_words import arabic_share, phrase_language, small_words
from chatlog.text.languages import UNKNOWN_CODE
from chatlog.text.letters import possible_languages
from chatlog.text.noise import has_digit_letter, is_mashed
from chatlog.text.scripts import SOLE_LANGUAGE, keep_script, main_script, script_weights

Ranked = list[tuple[str, float]]

_CANDIDATES: Final = 20
_MANY: Final = 60

_ENGLISH: Final = regex.compile(
    r"\b(?:i['’](?:m|ve|ll|d)|(?:don|can|isn|doesn|didn|won|couldn|wouldn|shouldn|aren|wasn)['’]t"
    r"|(?:it|that|what|there|let|who|how|where)['’]s|you['’]re|we['’]re|they['’]re)\b"
)
_ENGLISH_PHRASES: Final = frozenset(
    "thank thanks you hello hey hi yes no please good morning evening night great nice cool awesome blah sorry sure"
    " what why how who when where continue go on more stop help me tell a joke again really the is it that perfect"
    " right correct wrong exactly never mind of course welcome".split()
)

_LIKELY: Final = 0.6
"""lid.176's probability from which ELD's word for the same language makes it sure: 99 of 100 are right in chats."""

_DOUBT: Final = 0.35
_SURE: Final = 0.75
_CERTAIN: Final = 0.93
_LITTLE: Final = 25.0
_SHORT: Final = 60.0
_SMALL_SHARE: Final = 0.12
_SMALL_LEAD: Final = 0.4
_ROMANISED_SHARE: Final = 0.25
_ROMANISED_LEAD: Final = 1.1
_INSTRUCTION: Final = 40
_LONGEST: Final = 400
_FIRST_LOOK: Final = 100
_STRETCH: Final = 50
_HEARD: Final = 400


@dataclass(frozen=True)
class Guess:
    """What one text's language is taken to be.

    Attributes:
        code: BCP 47; `und` for unknown.
        score: 0 to 1; the calibrated probability, or 1 where the script settles it.
        weight: weighted letters that the guess rests on, for a vote.
    """

    code: str
    score: float
    weight: float


NOTHING: Final = Guess(UNKNOWN_CODE, 0.0, 0.0)


class LanguageIdentifier:
    """A fastText model with script evidence and, for what it is not sure of, a second identifier; one a worker.

    Args:
        model: a carried name, a path, or a Hub id with its revision.
        file: the model's file, where it comes from the Hub.
        second: the second identifier; it is loaded when the first text needs it.
    """

    def __init__(self, model: str, file: str = "model.bin", second: Literal["eldc", "none"] = "eldc") -> None:
        self._first = FastText(locate_file(model, file))
        self._with_second = second == "eldc"

    @cached_property
    def _second(self) -> Ensemble | None:
        return Ensemble() if self._with_second else None

    def guess(self, words: str, weights: Mapping[str, float] | None = None) -> Guess:
        """The language of `words`, which must be one line of prose.

        Args:
            words: as of `prose`.
            weights: its letters by script, where they are known.
        """
        weights = script_weights(words) if weights is None else weights
        script = _deciding_script(words, weights)
        if not script:
            return NOTHING
        weight = weights.get(script, 0.0)
        sole = SOLE_LANGUAGE.get(script) or ("ja" if script == "Jpan" else None)
        if sole is not None:
            return Guess(in_script(sole, script, words), 1.0, weight)
        line = (keep_script(words, script) if len(weights) > 1 else words).lower()[:_LONGEST]
        code, score = self._best(line, script, weight)
        return Guess(in_script(code, script, line), score, weight)

    def _best(self, line: str, script: str, weight: float) -> tuple[str, float]:
        if script == "Hani":
            return "zh", 0.95  # which Chinese it is, its characters tell
        settled = by_letters(line, script) or phrase_language(line)
        if settled:
            return settled, 0.95
        possible = possible_languages(line) if weight < _SHORT else None
        together: Ranked = []
        if possible is None and weight >= _LITTLE:
            # Most texts show their language at once; only the others are worth a second look.
            beginning = _beginning(line)
            ranked = self._first.ranked(beginning, script, 1)
            if ranked and ranked[0][1] >= _CERTAIN:
                return ranked[0]
            if ranked and ranked[0][1] >= _LIKELY and self._second and self._second.agrees(beginning, ranked[0][0]):
                together = [(ranked[0][0], (1 + ranked[0][1]) / 2)]
        if not together:
            ranked = self._first.ranked(line, script, _MANY if possible else _CANDIDATES)
            together = self._together(line, script, weight, ranked, possible)
        first = ranked[0][1] if ranked else 0.0
        if script != "Latn":
            return together[0] if together else (LARGEST.get(script, UNKNOWN_CODE), 0.5)
        code, score = together[0] if together else (UNKNOWN_CODE, 0.0)
        if first < _SURE and (_ENGLISH.search(line) is not None or (weight < _SHORT and _is_english(line))):
            return "en", max(score, 0.6)
        # The model knows no Maori, and is sure of Latvian by its macrons: then only plain evidence counts.
        strict = first >= _SURE
        if first < _CERTAIN:
            if has_digit_letter(line) and arabic_share(line) >= _ROMANISED_SHARE:
                return "ar-Latn", 0.8
            small, share, lead = small_words(line, _SMALL_SHARE * (1 + strict))
            if small.endswith("-Latn"):
                # Romanised words are spelled in many ways, and some are words elsewhere: one alone says nothing.
                if share >= _ROMANISED_SHARE and lead >= _ROMANISED_LEAD:
                    return small, max(0.5, min(0.9, share * 2))
            elif small and lead >= _SMALL_LEAD * (1 + 2 * strict):
                return small, max(score, min(0.9, share * 2))
            if not strict and self._is_gibberish(line, score):
                return UNKNOWN_CODE, 0.0
        return code, score

    def _is_gibberish(self, line: str, score: float) -> bool:
        return is_mashed(line) or (score < _DOUBT and self._second is not None and self._second.is_silent(line))

    def _together(
        self, line: str, script: str, weight: float, ranked: Ranked, possible: frozenset[str] | None
    ) -> Ranked:
        """The languages that the letters of the line leave possible, with their calibrated probabilities."""
        if self._second is None:
            alone = [(code, score) for code, score in ranked if possible is None or code in possible]
            # A letter is proof that the model's doubt does not weigh: its own score would say unknown.
            return [(alone[0][0], max(0.5, alone[0][1])), *alone[1:]] if alone and possible else alone or ranked
        found = self._second.evidence(line, ranked, lambda code: _fits(code, script))
        within = [one for one in found if possible is None or one.code in possible]
        return self._second.best(within or found, script == "Latn", weight)

    def hears_another(self, words: str, whole: Guess) -> bool:
        """Whether ELD takes some stretch of a line for another language than the whole; always without ELD."""
        if self._second is None:
            return True
        stretches = _stretches(words[:_HEARD])
        if len(stretches) == 1 and whole.score >= _CERTAIN:
            return False
        # A text in another language than the request's stands in front of it, behind it, or in most of it.
        heard = (stretches[0], stretches[len(stretches) // 2], stretches[-1])
        return any(self._second.contradicts(stretch, whole.code) for stretch in dict.fromkeys(heard))

    def evidence(self, words: str) -> tuple[list[Evidence], bool, float]:
        """What both identifiers say of a line, whether it is Latin, and its weight: to fit how they are weighed."""
        weights = script_weights(words)
        script = _deciding_script(words, weights)
        if self._second is None or not script or script in SOLE_LANGUAGE or script == "Jpan":
            return [], False, 0.0
        weight = weights[script]
        line = (keep_script(words, script) if len(weights) > 1 else words).lower()[:_LONGEST]
        possible = possible_languages(line) if weight < _SHORT else None
        ranked = self._first.ranked(line, script, _MANY if possible else _CANDIDATES)
        found = self._second.evidence(line, ranked, lambda code: _fits(code, script))
        within = [one for one in found if possible is None or one.code in possible]
        return within or found, script == "Latn", weight


def _fits(code: str, script: str) -> bool:
    allowed = BY_SCRIPT.get(script)
    return code in allowed if allowed is not None else code not in NOT_LATIN


def _beginning(line: str) -> str:
    """As much of a long line as a first guess rests on, cut between words where it has any."""
    if len(line) <= _FIRST_LOOK:
        return line
    return line[: line.rfind(" ", _FIRST_LOOK // 2, _FIRST_LOOK)]


def _stretches(line: str) -> list[str]:
    """A line in stretches of some ten words."""
    found = []
    start = 0
    while len(line) - start > _STRETCH * 3 // 2 and (end := line.find(" ", start + _STRETCH)) > 0:
        found.append(line[start:end])
        start = end
    return [*found, line[start:]]


def _deciding_script(words: str, weights: Mapping[str, float]) -> str:
    """The script that the text is written in: by weight, unless an instruction in another precedes Latin matter."""
    script = main_script(weights)
    if script == "Latn" and len(weights) > 1:
        first = script_weights(words[:_INSTRUCTION])
        leading = main_script(first)
        if leading and leading != "Latn" and first[leading] >= _INSTRUCTION / 4:
            return leading if leading in weights else script
    return script


def _is_english(line: str) -> bool:
    words = line.replace("!", " ").replace("?", " ").replace(",", " ").replace(".", " ").split()
    return bool(words) and all(word in _ENGLISH_PHRASES for word in words)
