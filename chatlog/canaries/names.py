"""Names of persons for canaries: at least half of them in no list that redaction looks names up in."""

from __future__ import annotations

import re
from typing import Final

from chatlog.demo.dice import Dice
from chatlog.demo.grammar import Language
from chatlog.text.pii_gazetteer import AMBIGUOUS, FAMILY, GIVEN, is_family, is_given

_BEGIN: Final = (
    "Tal Ves Oru Mar Ili Khe Zan Yel Bri Nom Dor Sae Ulf Eni Qua Fen Hal Jor Lys Wen Ake Chi Tomo Rua Sib Pae"
)
_MIDDLE: Final = "a e i o u ari eni oka ulu iva ando emi"
_END: Final = "ra len dis mir tha no ko wen sha bel rik na vi yo dan zu"
_FAMILY_BEGIN: Final = (
    "Ok Bel Var Mbe Kru Sol Hend Pra Nak Oyel Dra Fitz Rau Zab Lum Gor Ish Tern Whal Tsch Ngu Quis Abra"
)
_FAMILY_MIDDLE: Final = "em ador and ing ul ari ost elw ibe uma och ey"
_FAMILY_END: Final = "bu ham tov ter gard yama le wick ara ndi pol dek mond rath kane vor loe"
_GIVEN_LISTED: Final = sorted(word for word in GIVEN - AMBIGUOUS if word.isalpha() and len(word) > 2)
_FAMILY_LISTED: Final = sorted(word for word in FAMILY - AMBIGUOUS if word.isalpha() and len(word) > 2)
"""Names that redaction knows by its lists, for the part of canaries that is told apart as such."""

_LISTED: Final = 0.6
"""Share of listed names among those that need not be unlisted, where names are written in Latin letters."""

_ALONE: Final = 0.25
"""Share of names that are a given name alone, as people mostly write of each other."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def is_listed(name: str) -> bool:
    """Whether a word of the name is a given or family name to redaction, by its lists or by a family name's ending."""
    return any(is_given(word) or is_family(word) for word in _WORD.findall(name.lower()))


def person(dice: Dice, language: Language, unlisted: bool) -> str:
    """A person's name: one of the language's, or of no language.

    Args:
        dice: where the draws come from.
        language: in which the name is written.
        unlisted: whether it must be a name that `is_listed` does not know.
    """
    if not unlisted and _is_latin(language) and dice.chance(_LISTED):
        given = dice.pick(_GIVEN_LISTED).capitalize()
        return given if dice.chance(_ALONE) else f"{given} {dice.pick(_FAMILY_LISTED).capitalize()}"
    for _ in range(60):
        name = _drawn(dice, language)
        if not (unlisted and is_listed(name)):
            return name
    return f"{_invented(dice, _BEGIN, 'oqu', 'xa')} {_invented(dice, _FAMILY_BEGIN, 'ixq', 'ux')}"


def _is_latin(language: Language) -> bool:
    return language.first[0][0] < "ɐ"


def _drawn(dice: Dice, language: Language) -> str:
    spaced = " " in language.full_name
    if _is_latin(language) and dice.chance(0.6):
        given = _invented(dice, _BEGIN, _MIDDLE, _END)
        name = f"{given} {_invented(dice, _FAMILY_BEGIN, _FAMILY_MIDDLE, _FAMILY_END)}"
    else:
        name, given = language.person(dice)
    # Where names are of two or three signs, one of them alone could be any word.
    return given if spaced and dice.chance(_ALONE) else name


def _invented(dice: Dice, begin: str, middle: str, end: str) -> str:
    return dice.pick(begin.split()) + dice.pick(middle.split()) + dice.pick(end.split())
