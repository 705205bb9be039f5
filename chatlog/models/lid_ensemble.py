"""Two identifiers together: what lid.176 and ELD say of a line, weighed into one calibrated probability.

ELD (package `eldc`, Apache-2.0, 60 languages) scores n-grams of words and their beginnings; it is far better on
single words than lid.176, which was trained on sentences, and it is silent where no n-gram is known. The weights are
those of a multinomial logistic regression over the languages that either identifier proposes, fitted by length of the
line with `benchmarks/fit_language.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from chatlog.text.languages import UNKNOWN_CODE, fold_code

_FLOOR: Final = 1e-4
"""The least probability that a model's silence about a language stands for."""

_MOST: Final = 20
"""ELD gives no more scores than so many."""

_LEAST: Final = 0.01
_FIRST: Final = 6
"""Of either identifier the first so many languages are candidates, and lid.176's that have this probability."""

_MEMBERS: Final = {"no": "nb", "ms": "id", "ku": "ku", "hr": "hr"}
"""Which language ELD's code stands for where it means a group: of the group's, the most frequent in chats."""


class Weights(NamedTuple):
    """What the evidence weighs for lines of one length.

    Attributes:
        probability: of the natural logarithm of lid.176's probability.
        score: of ELD's score (0 to 1).
        silent: for a language that ELD knows and gives no score.
        foreign: for a language that ELD does not know.
        prior: of how frequent the language is in chats (see `FREQUENCY`).
        none: the logit of the case that it is none of the candidates.
    """

    probability: float
    score: float
    silent: float
    foreign: float
    prior: float
    none: float


LENGTHS: Final = (8, 14, 25, 60)
"""Weighted letters below which a line falls into the first, second, ... class of lengths."""

WEIGHTS: Final = {
    True: (
        Weights(0.003, 8.091, 1.079, 4.125, 0.500, 5.833),
        Weights(0.168, 11.159, 1.916, 5.706, 0.500, 6.506),
        Weights(0.314, 12.088, 0.707, 6.678, 0.500, 6.678),
        Weights(0.868, 11.733, 4.139, 7.580, 0.500, 6.356),
        Weights(1.427, 9.990, 3.612, 6.912, 0.500, 4.848),
    ),
    False: (
        Weights(0.245, 13.163, -0.001, 10.054, 0.500, 7.456),
        Weights(0.500, 11.768, -0.003, 9.662, 0.500, 6.306),
        Weights(0.873, 10.880, 0.001, 9.698, 0.500, 5.789),
        Weights(1.021, 7.959, -0.085, 7.391, 0.500, 4.175),
        Weights(1.484, 6.920, -0.051, 6.767, 0.500, 3.574),
    ),
}
"""For Latin letters and for others, by class of length: languages of another script are told apart otherwise."""

_FREQUENT: Final = {
    2.0: "en",
    1.0: "es fr de pt it ru zh ja ar",
    0.5: "ko pl nl tr id vi uk cs sv fa hi hu el ro fi da nb he th ca",
    -2.0: "ast an oc wa vo ia ie io jbo nds pms lmo egl sco war bcl pam gsw bar frr vls li nap scn sc co vec rm fur fy"
    " mwl ilo ceb min eo dsb hsb br kw gv gd pfl diq nah hif sh la lb so mt kv vep mhr mrj myv ay qu gn",
}
FREQUENCY: Final = {code: weight for weight, codes in _FREQUENT.items() for code in codes.split()}
"""How frequent a language is in chats, roughly, in logarithms; 0 for those that are not named.

The last group are languages that lid.176 guesses far more often in a few words than people write them in a chat.
"""


@cache
def _group(code: str) -> str:
    return fold_code(code)


def length_class(weight: float) -> int:
    """The class of a line with so many weighted letters."""
    return sum(weight >= limit for limit in LENGTHS)


class Evidence(NamedTuple):
    """What is known of one candidate: the features of `Weights`, in its order."""

    code: str
    probability: float
    score: float
    silent: float
    foreign: float
    prior: float


class Ensemble:
    """The two identifiers' say, weighed; one instance a worker."""

    def __init__(self) -> None:
        import eldc

        eldc.init()
        # Settings of its own: another user of the package in this process may set others.
        self._detector: Any = eldc.instance()
        self._detector.set_scores(_MOST)
        self._known = {_group(code) for code in eldc.LANGUAGES}

    def agrees(self, line: str, code: str) -> bool:
        """Whether ELD takes the line for that language too, or for one that folds together with it."""
        return _group(self._detector.detect(line)) == _group(code)

    def contradicts(self, line: str, code: str) -> bool:
        """Whether ELD takes the line for another language; for one it does not know, whether it is sure of another."""
        if _group(code) in self._known:
            return _group(self._detector.detect(line)) not in (_group(code), UNKNOWN_CODE)
        return bool(self._detector.detect_details(line).reliable)

    def is_silent(self, line: str) -> bool:
        """Whether ELD knows no n-gram of the line: as good as no language has them."""
        return str(self._detector.detect(line)) == UNKNOWN_CODE

    def scores(self, line: str) -> dict[str, float]:
        """ELD's scores by its codes, best first; empty where it knows nothing of the line."""
        found: dict[str, float] = self._detector.detect_details(line).scores
        return found

    def evidence(self, line: str, ranked: Sequence[tuple[str, float]], fits: Callable[[str], bool]) -> list[Evidence]:
        """What speaks for each language that either identifier proposes.

        Args:
            line: what ELD looks at.
            ranked: codes and probabilities of the first identifier.
            fits: whether the line can be in a language, by its script; asked of what only ELD proposes.
        """
        by_group: dict[str, float] = {}
        probabilities = {code: score for place, (code, score) in enumerate(ranked) if score >= _LEAST or place < _FIRST}
        proposed = list(probabilities)
        groups = {_group(code) for code in proposed}
        for place, (code, score) in enumerate(self.scores(line).items()):
            group = _group(code)
            by_group.setdefault(group, score)
            if place < _FIRST and group not in groups and fits(member := _MEMBERS.get(code, code)):
                proposed.append(member)
        found = []
        for code in proposed:
            group = _group(code)
            known = group in self._known
            its = by_group.get(group)
            found.append(
                Evidence(
                    code,
                    math.log(max(probabilities.get(code, 0.0), _FLOOR)),
                    its or 0.0,
                    float(known and its is None),
                    float(not known),
                    FREQUENCY.get(code, 0.0),
                )
            )
        return found

    def best(self, found: Sequence[Evidence], latin: bool, weight: float) -> list[tuple[str, float]]:
        """The candidates and their calibrated probabilities, best first."""
        if not found:
            return []
        a, b, c, d, e, none = WEIGHTS[latin][length_class(weight)]
        logits = [(a * x[1] + b * x[2] + c * x[3] + d * x[4] + e * x[5], x.code) for x in found]
        highest = max(none, max(logits)[0])
        exponents = [(math.exp(logit - highest), code) for logit, code in logits]
        total = math.fsum(value for value, _ in exponents) + math.exp(none - highest)
        return sorted(((code, value / total) for value, code in exponents), key=lambda pair: (-pair[1], pair[0]))
