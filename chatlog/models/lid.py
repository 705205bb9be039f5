"""Language identification with fastText's lid.176, and with what the script alone settles.

The model: Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), trained by its
authors on Wikipedia, Tatoeba and SETimes; 176 languages; CC-BY-SA 3.0 weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import regex

from chatlog.models.weights import locate
from chatlog.text.function_words import small_words
from chatlog.text.languages import UNKNOWN_CODE
from chatlog.text.letters import possible_languages
from chatlog.text.scripts import SOLE_LANGUAGE, keep_script, main_script, script_weights

_CANDIDATES: Final = 5
_MANY: Final = 60

_PREFIX: Final = len("__label__")

_LABELS: Final = {"als": "gsw", "bh": "bho", "no": "nb", "eml": "egl", "sh": "sh"}
_CODES: Final = {f"__label__{label}": code for label, code in _LABELS.items()}
"""fastText's labels are Wikipedia's domain names; where those are no BCP 47 codes, what they mean."""

_BY_SCRIPT: Final = {
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
_NOT_LATIN: Final = frozenset().union(*_BY_SCRIPT.values(), SOLE_LANGUAGE.values()) - {"sr", "uz", "az", "ku"}

_DEFAULT: Final = {"Hani": "zh", "Arab": "ar", "Deva": "hi", "Cyrl": "ru", "Hebr": "he", "Beng": "bn", "Ethi": "am"} | {
    "Mymr": "my",
    "Tibt": "bo",
}
"""The largest language of a script, for texts of which the model says nothing that the script allows."""

_LETTERS: Final = {
    "Ethi": (("ti", regex.compile(r"[ኣኦዕቐ]|እዩ|ናይ|ዝነ")),),
    "Tibt": (("dz", regex.compile(r"ཨིན|འདི་|ཚུ་|དགོ་|པའི་ཚུ")),),
    "Beng": (("as", regex.compile(r"[ৰৱ]")),),
    "Mymr": (("shn", regex.compile(r"[ႁၸၶႃႄꧦ]")),),
    "Arab": (
        ("ug", regex.compile(r"[ېۈۆۇۋ]")),
        ("ckb", regex.compile(r"[ڕڵێ]")),
    ),
}
"""Letters and words that one language of a script has, and its neighbours do not."""

_SELDOM: Final = frozenset(
    "ast an oc wa vo ia ie io jbo nds pms lmo egl sco war bcl pam gsw bar frr vls li nap scn sc co vec rm fur fy mwl"
    " ilo ceb min eo dsb hsb br kw gv gd pfl diq nah hif sh".split()
)
"""Languages that the model guesses far more often in a few words than people write them in a chat."""

_ENGLISH: Final = regex.compile(
    r"\b(?:i['’](?:m|ve|ll|d)|(?:don|can|isn|doesn|didn|won|couldn|wouldn|shouldn|aren|wasn)['’]t"
    r"|(?:it|that|what|there|let|who|how|where)['’]s|you['’]re|we['’]re|they['’]re)\b"
)
_ENGLISH_PHRASES: Final = frozenset(
    "thank thanks you hello hey hi yes no please good morning evening night great nice cool awesome blah sorry sure"
    " what why how who when where continue go on more stop help me tell a joke again really the is it that perfect"
    " right correct wrong exactly never mind of course welcome".split()
)

_SURE: Final = 0.75
_CERTAIN: Final = 0.93
_SHORT: Final = 60.0
_SMALL_SHARE: Final = 0.12
_SMALL_LEAD: Final = 0.4
_INSTRUCTION: Final = 40
_LONGEST: Final = 400
_FIRST_LOOK: Final = 100

_TRADITIONAL: Final = regex.compile(
    r"[們個這來說對為會國學時後過還發經麼沒讓應該處點樣從關開間問題實現請寫給種體將與於]"
)
_SIMPLIFIED: Final = regex.compile(
    r"[们个这来说对为会国学时后过还发经么没让应该处点样从关开间问题实现请写给种体将与于]"
)
_CANTONESE: Final = regex.compile(r"[嘅咗喺唔佢哋咁冇嗰啲嘢嚟畀]")


@dataclass(frozen=True)
class Guess:
    """What one text's language is taken to be.

    Attributes:
        code: BCP 47; `und` for unknown.
        score: 0 to 1; the model's probability, or 1 where the script settles it.
        weight: weighted letters that the guess rests on, for a vote.
    """

    code: str
    score: float
    weight: float


NOTHING: Final = Guess(UNKNOWN_CODE, 0.0, 0.0)


class LanguageIdentifier:
    """lid.176 with script evidence; one instance a worker.

    Args:
        model: a name for `weights.locate`.
    """

    def __init__(self, model: str) -> None:
        import fasttext

        # The binding itself: its wrapper costs a tenth of a prediction, and zips pairs that are wanted as pairs.
        self._predict: Any = fasttext.load_model(str(locate(model))).f.predict

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
        sole = SOLE_LANGUAGE.get(script)
        if sole is not None:
            return Guess(sole, 1.0, weight)
        if script == "Jpan":
            return Guess("ja", 1.0, weight)
        line = (keep_script(words, script) if len(weights) > 1 else words).lower()[:_LONGEST]
        code, score = self._best(line, script, weight)
        return Guess(_with_script(code, script, line), score, weight)

    def _ranked(self, line: str, script: str, count: int) -> list[tuple[str, float]]:
        """The model's best languages that the script allows, and their probabilities."""
        allowed = _BY_SCRIPT.get(script)
        return [
            (code, min(1.0, score))
            for score, label in self._predict(line + "\n", count, 0.0, "strict")
            if (code := _CODES.get(label) or label[_PREFIX:])
            and (code in allowed if allowed is not None else code not in _NOT_LATIN)
        ]

    def _best(self, line: str, script: str, weight: float) -> tuple[str, float]:
        settled = _by_letters(line, script)
        if settled:
            return settled, 0.95
        possible = possible_languages(line) if weight < _SHORT else None
        if possible is None:
            # Most texts show their language at once; only the others are worth more of the line, and more candidates.
            beginning = _beginning(line)
            ranked = self._ranked(beginning, script, 1)
            score = ranked[0][1] if ranked else 0.0
            if score >= _CERTAIN:
                return ranked[0]
            if score < _SURE or beginning is not line:
                ranked = self._ranked(line, script, _CANDIDATES)
        else:
            ranked = self._ranked(line, script, _MANY)
        if possible is not None:
            within = [(code, score) for code, score in ranked if code in possible]
            # A letter is proof that the model's doubt does not weigh: its own score would say unknown.
            ranked = [(within[0][0], max(0.5, within[0][1])), *within[1:]] if within else ranked
        if script != "Latn":
            return ranked[0] if ranked else (_DEFAULT.get(script, UNKNOWN_CODE), 0.5)
        code, score = ranked[0] if ranked else (UNKNOWN_CODE, 0.0)
        if score < _SURE and (_ENGLISH.search(line) is not None or (weight < _SHORT and _is_english(line))):
            return "en", max(score, 0.6)
        # The model knows no Maori, and is sure of Latvian by its macrons: then only plain evidence counts.
        strict = score >= _SURE
        if score < _CERTAIN:
            small, share, lead = small_words(line, _SMALL_SHARE * (1 + strict))
            if small and lead >= _SMALL_LEAD * (1 + 2 * strict):
                return small, max(score, min(0.9, share * 2))
        if score < _SURE:
            if weight < _SHORT and code in _SELDOM:
                # In a few words the model takes Spanish for Asturian as often as not.
                return next(((c, s) for c, s in ranked if c not in _SELDOM), (code, score))
        return code, score


def _beginning(line: str) -> str:
    """As much of a long line as a first guess rests on, cut between words where it has any."""
    if len(line) <= _FIRST_LOOK:
        return line
    return line[: line.rfind(" ", _FIRST_LOOK // 2, _FIRST_LOOK)]


def _deciding_script(words: str, weights: Mapping[str, float]) -> str:
    """The script that the text is written in: by weight, unless an instruction in another precedes Latin matter."""
    script = main_script(weights)
    if script == "Latn" and len(weights) > 1:
        first = script_weights(words[:_INSTRUCTION])
        leading = main_script(first)
        if leading and leading != "Latn" and first[leading] >= _INSTRUCTION / 4:
            return leading if leading in weights else script
    return script


def _by_letters(line: str, script: str) -> str:
    """The language that a letter of its own gives away within a script; empty for none."""
    for code, pattern in _LETTERS.get(script, ()):
        if len(pattern.findall(line)) * 40 > len(line):
            return code
    return ""


def _is_english(line: str) -> bool:
    words = line.replace("!", " ").replace("?", " ").replace(",", " ").replace(".", " ").split()
    return bool(words) and all(word in _ENGLISH_PHRASES for word in words)


def _with_script(code: str, script: str, line: str) -> str:
    """The code with its script where it is written in two; Chinese told apart by its characters."""
    if script == "Hani" and code in ("zh", "yue", "wuu"):
        if _CANTONESE.search(line):
            return "yue"
        traditional = len(_TRADITIONAL.findall(line))
        simplified = len(_SIMPLIFIED.findall(line))
        return "zh-Hant" if traditional > simplified else "zh-Hans"
    if code in ("sr", "uz", "az", "ku", "sh"):
        return f"{code}-{script}"
    return code
