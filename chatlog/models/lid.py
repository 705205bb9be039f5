"""Language identification with fastText's lid.176, and with what the script alone settles.

The model: Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), trained by its
authors on Wikipedia, Tatoeba and SETimes; 176 languages; CC-BY-SA 3.0 weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import regex

from chatlog.models.weights import locate
from chatlog.text.languages import UNKNOWN_CODE
from chatlog.text.scripts import SOLE_LANGUAGE, keep_script, main_script, script_weights

_CANDIDATES: Final = 5

_LABELS: Final = {"als": "gsw", "bh": "bho", "no": "nb", "eml": "egl", "sh": "sh"}
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

        self._model: Any = fasttext.load_model(str(locate(model)))

    def guess(self, words: str) -> Guess:
        """The language of `words`, which must be one line of prose."""
        weights = script_weights(words)
        script = main_script(weights)
        if not script:
            return NOTHING
        weight = weights[script]
        sole = SOLE_LANGUAGE.get(script)
        if sole is not None:
            return Guess(sole, 1.0, weight)
        if script == "Jpan":
            return Guess("ja", 1.0, weight)
        line = keep_script(words, script) if len(weights) > 1 else words
        code, score = self._best(line.lower(), script)
        return Guess(_with_script(code, script, line), score, weight)

    def _best(self, line: str, script: str) -> tuple[str, float]:
        labels, scores = self._model.predict(line, k=_CANDIDATES)
        allowed = _BY_SCRIPT.get(script)
        for label, score in zip(labels, scores, strict=True):
            code = label.removeprefix("__label__")
            if code in allowed if allowed is not None else code not in _NOT_LATIN:
                return _LABELS.get(code, code), min(1.0, float(score))
        if script == "Hani":
            return "zh", 0.5
        return UNKNOWN_CODE, 0.0


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
