"""Answers of one token: how probable each choice is, and what that says of the OpenAI categories."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from chatlog.models.guards import Answer, UnreadableAnswer

ASK_FROM: Final = 0.02
"""The score from which a guard's further questions (categories) are asked.

Far below any threshold in use, and above what guards give to nearly all harmless messages.
"""

_TOLD: Final = 0.01
"""The probability from which one of several labels stands in `native`."""


def chances(answer: Answer, choices: Sequence[str], guard: str) -> dict[str, float]:
    """The probability of each choice, among the choices alone.

    It comes from the first token's log-probabilities, and from the text where a server tells none. A token
    counts for the choice that it is or that it alone begins (`un` for `unsafe`); one that begins several tells
    nothing.

    Raises:
        UnreadableAnswer: the answer is no choice, and does not begin one. `guard` is named.
    """
    word = _word(answer.text)
    if not word or not any(_word(choice).startswith(word) for choice in choices):
        raise UnreadableAnswer(guard)
    mass = dict.fromkeys(choices, 0.0)
    for token, logprob in (answer.tokens[0] if answer.tokens else {}).items():
        choice = _meant(_word(token), choices)
        if choice is not None and math.isfinite(logprob):
            mass[choice] += math.exp(logprob)
    total = sum(mass.values())
    if total > 0:
        return {choice: value / total for choice, value in mass.items()}
    said = _meant(word, choices)
    if said is None:
        raise UnreadableAnswer(guard)
    return {choice: float(choice == said) for choice in choices}


def share(tokens: Mapping[str, float], positive: Sequence[str], negative: Sequence[str]) -> float | None:
    """The probability of `positive` against `negative` among one position's log-probabilities.

    A token counts for a word that it begins (`un` for `unsafe`), so that it works for any tokenizer.
    None when no token of either side is among them.
    """
    mass = {True: 0.0, False: 0.0}
    for token, logprob in tokens.items():
        word = _word(token)
        if not word or not math.isfinite(logprob):
            continue
        begins = {
            side: any(choice.startswith(word) for choice in choices)
            for side, choices in ((True, positive), (False, negative))
        }
        # A token that begins both ("S" of Safe and of Sexual) tells nothing.
        if begins[True] != begins[False]:
            mass[begins[True]] += math.exp(logprob)
    total = mass[True] + mass[False]
    return mass[True] / total if total > 0 else None


def likeliest(shares: Mapping[str, float]) -> str:
    """The choice with the largest probability; the first of equals."""
    return max(shares, key=lambda choice: shares[choice])


def by_category(
    score: float, shares: Mapping[str, float], mapping: Mapping[str, str | None], told: Iterable[str] = ()
) -> dict[str, float]:
    """Scores of the OpenAI categories that a guard can tell, 0 for those that it did not name.

    A guard names the rule that a message breaks first, not each with a probability of its own. The likeliest label
    gets the message's score, and each other one as much less as it is less likely to be named.

    Args:
        score: the message's.
        shares: the probability of each label, given that the message breaks a rule; empty when none was asked.
        mapping: labels to categories; None for a label that is no OpenAI category.
        told: categories that the guard can tell beside those of `mapping`.
    """
    found = dict.fromkeys([*(category for category in mapping.values() if category), *told], 0.0)
    top = max(shares.values(), default=0.0)
    for label, share in shares.items():
        category = mapping.get(label)
        # A rule of a kind breaks the general one too: hate/threatening is hate.
        for name in () if category is None else {category, category.split("/", 1)[0]}:
            found[name] = max(found.get(name, 0.0), score * share / top)
    return found


def labels(shares: Mapping[str, float]) -> dict[str, float]:
    """What of a guard's own labels stands in `native`: those that it may mean, the likeliest first."""
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])
    return {label: round(share, 4) for label, share in ranked if share >= _TOLD}


def _word(token: str) -> str:
    return token.replace("Ġ", " ").replace("▁", " ").strip()


def _meant(word: str, choices: Sequence[str]) -> str | None:
    if not word:
        return None
    same = [choice for choice in choices if _word(choice) == word]
    begun = same or [choice for choice in choices if _word(choice).startswith(word)]
    return begun[0] if len(begun) == 1 else None
