"""What a script and its letters say about the language, and which script a language's code is written with."""

from __future__ import annotations

from typing import Final

import regex

from chatlog.text.languages import UNKNOWN_CODE
from chatlog.text.scripts import SOLE_LANGUAGE

BY_SCRIPT: Final = {
    "Cyrl": frozenset(
        "av ba be bg bxr ce cv kk krc kv ky lez mhr mk mn mrj myv os ru rue sah sr tg tt tyv uk xal uz".split()
    ),
    "Arab": frozenset("ar arz azb ckb fa lrc mzn pnb ps sd ug ur ku".split()),
    "Deva": frozenset("hi mr ne sa bho mai new dty gom".split()),
    "Hani": frozenset("zh yue wuu".split()),
    "Jpan": frozenset(["ja"]),
    "Hebr": frozenset("he yi".split()),
    "Beng": frozenset("bn as bpy".split()),
    "Ethi": frozenset(["am"]),
    "Mymr": frozenset(["my"]),
    "Tibt": frozenset(["bo"]),
}
"""Languages of lid.176 that are written in a script, where that script is not Latin and has several."""

NOT_LATIN: Final = frozenset().union(*BY_SCRIPT.values(), SOLE_LANGUAGE.values()) - {"sr", "uz", "az", "ku"}
"""Languages that are not written in Latin letters, but for romanised chat."""

LARGEST: Final = {"Hani": "zh", "Arab": "ar", "Deva": "hi", "Cyrl": "ru", "Hebr": "he", "Beng": "bn", "Ethi": "am"} | {
    "Mymr": "my",
    "Tibt": "bo",
}
"""The largest language of a script, for texts of which the model says nothing that the script allows."""

TWO_SCRIPTS: Final = frozenset("sr uz az ku sh".split())
"""Languages written in two scripts every day: their code always names the one that was used."""

_DEFAULT_SCRIPT: Final = (
    {code: script for script, codes in BY_SCRIPT.items() for code in codes - {"sr", "uz", "ku"}}
    | {code: script for script, code in SOLE_LANGUAGE.items()}
    | {"ko": "Kore", "zh": "Hans", "wuu": "Hans", "yue": "Hant", "jv": "Latn", "mn": "Cyrl"}
    | {"ti": "Ethi", "dz": "Tibt", "shn": "Mymr"}
)
"""The script that a code without one stands for (BCP 47's suppressed script); Latin for all others."""

_LETTERS: Final = {
    "Ethi": (("ti", regex.compile(r"[ኣኦዕቐ]|እዩ|ናይ|ዝነ")),),
    "Tibt": (("dz", regex.compile(r"ཨིན|འདི་|ཚུ་|དགོ་|པའི་ཚུ")),),
    "Beng": (("as", regex.compile(r"[ৰৱ]")),),
    "Mymr": (("shn", regex.compile(r"[ႁၸၶႃႄꧦ]")),),
    "Arab": (
        ("ug", regex.compile(r"[ۈۇۋ]")),
        ("ckb", regex.compile(r"[ڕڵێ]")),
    ),
}
"""Letters and words that one language of a script has, and its neighbours do not."""

_TRADITIONAL: Final = regex.compile(
    r"[們個這來說對為會國學時後過還發經麼沒讓應該處點樣從關開間問題實現請寫給種體將與於]"
)
_SIMPLIFIED: Final = regex.compile(
    r"[们个这来说对为会国学时后过还发经么没让应该处点样从关开间问题实现请写给种体将与于]"
)
_CANTONESE: Final = regex.compile(r"[嘅咗喺唔佢哋咁冇嗰啲嘢嚟畀]")


def by_letters(line: str, script: str) -> str:
    """The language that a letter of its own gives away within a script; empty for none."""
    for code, pattern in _LETTERS.get(script, ()):
        if len(pattern.findall(line)) * 40 > len(line):
            return code
    return ""


def in_script(code: str, script: str, line: str) -> str:
    """The code with its script where it is written in two; Chinese told apart by its characters."""
    if script == "Hani" and code in ("zh", "yue", "wuu"):
        if _CANTONESE.search(line):
            return "yue"
        traditional = len(_TRADITIONAL.findall(line))
        simplified = len(_SIMPLIFIED.findall(line))
        return "zh-Hant" if traditional > simplified else "zh-Hans"
    if code in TWO_SCRIPTS or script in ("Java", "Mong"):
        return f"{code}-{script}"
    return code


def script_of(code: str) -> str:
    """The ISO 15924 script that a BCP 47 code stands for, named in it or not; empty for an unknown language."""
    language, _, script = code.partition("-")
    return "" if language == UNKNOWN_CODE else script or _DEFAULT_SCRIPT.get(language, "Latn")


def with_script(code: str) -> str:
    """The code with its script, always: `en-Latn`, `ja-Jpan`, `hi-Latn`; an unknown language stays `und`."""
    script = script_of(code)
    return f"{code.partition('-')[0]}-{script}" if script else code
