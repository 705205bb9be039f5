"""Which writing systems a text uses, and what a script alone says about the language.

Script names are ISO 15924 codes. Counts weigh a character by how much it says: a Han character, a
kana or a Hangul block carries about as much as two and a half Latin letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import regex

_NAMES: Final = (
    ("Latn", "Latin"),
    ("Cyrl", "Cyrillic"),
    ("Hani", "Han"),
    ("Kana", "Hiragana}\\p{Katakana"),
    ("Hang", "Hangul"),
    ("Arab", "Arabic"),
    ("Deva", "Devanagari"),
    ("Grek", "Greek"),
    ("Hebr", "Hebrew"),
    ("Thai", "Thai"),
    ("Beng", "Bengali"),
    ("Taml", "Tamil"),
    ("Telu", "Telugu"),
    ("Knda", "Kannada"),
    ("Mlym", "Malayalam"),
    ("Gujr", "Gujarati"),
    ("Guru", "Gurmukhi"),
    ("Orya", "Oriya"),
    ("Sinh", "Sinhala"),
    ("Mymr", "Myanmar"),
    ("Khmr", "Khmer"),
    ("Laoo", "Lao"),
    ("Tibt", "Tibetan"),
    ("Geor", "Georgian"),
    ("Armn", "Armenian"),
    ("Ethi", "Ethiopic"),
    ("Thaa", "Thaana"),
    ("Nkoo", "Nko"),
    ("Tfng", "Tifinagh"),
    ("Olck", "Ol_Chiki"),
    ("Cher", "Cherokee"),
    ("Cans", "Canadian_Aboriginal"),
    ("Mong", "Mongolian"),
    ("Syrc", "Syriac"),
    ("Vaii", "Vai"),
    ("Yiii", "Yi"),
    ("Java", "Javanese"),
    ("Mtei", "Meetei_Mayek"),
)

SCRIPTS: Final = tuple(code for code, _ in _NAMES)
"""The scripts that are told apart; `Kana` stands for hiragana and katakana until it is folded into `Jpan`."""

RUNS: Final = regex.compile("|".join(rf"(?P<{code}>[\p{{{name}}}]++)" for code, name in _NAMES))
"""A run of one script's letters; the group is the script."""

_NOT_ASCII_LETTER: Final = {code: None for code in range(128) if not chr(code).isalpha()}

_WEIGHT: Final = {"Hani": 2.5, "Kana": 2.0, "Hang": 2.5}

SOLE_LANGUAGE: Final = {
    "Hang": "ko",
    "Grek": "el",
    "Thai": "th",
    "Taml": "ta",
    "Telu": "te",
    "Knda": "kn",
    "Mlym": "ml",
    "Gujr": "gu",
    "Guru": "pa",
    "Orya": "or",
    "Sinh": "si",
    "Khmr": "km",
    "Laoo": "lo",
    "Geor": "ka",
    "Armn": "hy",
    "Thaa": "dv",
    "Nkoo": "nqo",
    "Tfng": "zgh",
    "Olck": "sat",
    "Cher": "chr",
    "Cans": "iu",
    "Mong": "mn",
    "Syrc": "syr",
    "Vaii": "vai",
    "Yiii": "ii",
    "Mtei": "mni",
    "Java": "jv",
}
"""Scripts that one living language of any size uses (Unicode CLDR, likely subtags), and its BCP 47 code."""


def script_weights(text: str) -> dict[str, float]:
    """The weighted number of letters by script; empty where the text has no letters.

    Japanese is folded into one script: kana pull the Han characters beside them to `Jpan`.
    """
    if text.isascii():
        letters = len(text.translate(_NOT_ASCII_LETTER))
        return {"Latn": float(letters)} if letters else {}
    weights: dict[str, float] = {}
    for match in RUNS.finditer(text):
        script = match.lastgroup or ""
        weights[script] = weights.get(script, 0.0) + weigh(script, match.end() - match.start())
    return fold_kana(weights)


def weigh(script: str, letters: int) -> float:
    """What so many letters of a script weigh."""
    return letters * _WEIGHT.get(script, 1.0)


def fold_kana(weights: dict[str, float]) -> dict[str, float]:
    """The same weights with `Kana` folded into `Jpan`, or into `Hani` where it is too little."""
    kana = weights.pop("Kana", 0.0)
    if kana:
        # Kana never stand in Chinese, and Japanese without any is rare: a tenth is proof enough.
        han = weights.get("Hani", 0.0)
        if kana * 10 >= han:
            weights.pop("Hani", None)
            weights["Jpan"] = kana + han
        else:
            weights["Hani"] = han + kana
    return weights


def main_script(weights: Mapping[str, float]) -> str:
    """The script with the most weight; empty for no letters. Ties go to the alphabetically first."""
    if len(weights) == 1:  # nearly always
        return next(iter(weights))
    return max(sorted(weights), key=weights.__getitem__) if weights else ""


_ONLY: Final = {code: regex.compile(rf"[^\p{{{name}}}\p{{M}}\p{{Common}}]+") for code, name in _NAMES if code != "Kana"}


def keep_script(text: str, script: str) -> str:
    """The text without the letters of other scripts, so that a quoted foreign word does not vote."""
    pattern = _ONLY.get(script)
    return text if pattern is None else pattern.sub(" ", text)
