"""The forms that a canary's value is written in: as it is, in other digits, spaced, in lower case, cut in two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chatlog.demo.dice import Dice

PLAIN: Final = "plain"
SPLIT: Final = "two turns"

_NUMBERS: Final = frozenset(["CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "NATIONAL_ID", "BANK_ACCOUNT"])
_WITH_DIGITS: Final = _NUMBERS | {"DATE_OF_BIRTH", "PASSPORT", "DRIVER_LICENSE", "RECORD_ID", "IP_ADDRESS"}
_CASED: Final = frozenset(["PERSON", "STREET_ADDRESS"])
_CUT: Final = _NUMBERS | {"PERSON", "EMAIL_ADDRESS", "STREET_ADDRESS", "DATE_OF_BIRTH"}

_ZEROS: Final = {"ar": "٠", "fa": "۰", "hi": "०", "mr": "०", "bn": "০"}
"""The zero of the script that a language's own digits are of; the others get full-width ones."""


def _other_digits(dice: Dice, language: str, value: str) -> str:
    zero = ord(_ZEROS.get(language, "０"))
    return "".join(chr(zero + int(char)) if "0" <= char <= "9" else char for char in value)


def _spaced(dice: Dice, language: str, value: str) -> str:
    if "@" in value:
        return value.replace("@", " @ ").replace(".", " . ")
    bare = "".join(char for char in value if char.isalnum() or char == "+")
    size = dice.pick((2, 3, 4))
    return " ".join(bare[start : start + size] for start in range(0, len(bare), size))


def _lower(dice: Dice, language: str, value: str) -> str:
    return value.lower()


def _same(dice: Dice, language: str, value: str) -> str:
    return value


_FORMS: Final[dict[str, Callable[[Dice, str, str], str]]] = {
    PLAIN: _same,
    "other digits": _other_digits,
    "spaced": _spaced,
    "lower case": _lower,
    SPLIT: _same,
}
_FOR: Final = {
    "other digits": _WITH_DIGITS,
    "spaced": _NUMBERS | {"EMAIL_ADDRESS"},
    "lower case": _CASED,
    SPLIT: _CUT,
}
_PLAIN_SHARE: Final = 0.6


def pick_form(dice: Dice, type_: str, value: str, turns: bool) -> str:
    """A form for the value: plain six times of ten, else one of the others that fit it.

    Args:
        dice: where the draws come from.
        type_: the value's type.
        value: as it was made.
        turns: whether there are two turns of one speaker to cut it over.
    """
    others = [
        form
        for form, types in _FOR.items()
        if type_ in types and (turns if form == SPLIT else _FORMS[form](dice, "en", value) != value)
    ]
    return PLAIN if not others or dice.chance(_PLAIN_SHARE) else dice.pick(others)


def written(dice: Dice, form: str, language: str, value: str) -> tuple[str, ...]:
    """The value in a form: one part, or the two of a cut value."""
    text = _FORMS[form](dice, language, value)
    if form != SPLIT:
        return (text,)
    # Where it has parts already, people stop between two of them.
    gaps = [at for at in range(2, len(text) - 2) if not text[at].isalnum()]
    cut = min(gaps, key=lambda at: abs(at - len(text) // 2)) if gaps else len(text) // 2
    return text[:cut], text[cut:]
