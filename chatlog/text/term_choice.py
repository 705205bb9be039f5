"""Which of a group's terms are told: none that repeats another, and phrases rather than their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SUBSUMED: Final = 0.45
"""The share of the texts with a word from which a phrase stands for it: "machine learning" for "learning"."""

_TOGETHER: Final = 0.35
"""The same of two words that are both told: "verify identity"."""

_NARROWED: Final = 0.3
"""Of two words the rarer must stand in so many of the texts of the other one: "missing refund" would tell of few of
those that ask for a refund."""

_JOINED: Final = 4
"""Of the first so many words two may become a phrase."""


@dataclass(frozen=True)
class Term:
    """A word or phrase of a group.

    Attributes:
        surface: as it is mostly written.
        score: how much it sets the group apart.
        share: of the group's texts that hold it.
        held: those texts, by number.
        words: its words, by number, whatever their form.
    """

    surface: str
    score: float
    share: float
    held: frozenset[int]
    words: frozenset[int]


def distinct(terms: Sequence[Term], n: int, *, narrow: bool) -> list[Term]:
    """The first `n` terms that do not repeat one another; a phrase stands for its words where it holds most of them.

    Args:
        terms: the best first.
        n: how many.
        narrow: whether two of the first words become one phrase where they are often written together, which then
            tells of fewer texts than they do.
    """
    chosen: list[Term] = []
    for term in terms:
        longer = [
            other
            for other in terms
            if other.words > term.words and len(other.held & term.held) >= _SUBSUMED * len(term.held)
        ]
        best = max(longer, key=_phrase_order, default=term)
        for candidate in (best, term):
            if not any(_alike(candidate, other) for other in chosen):
                chosen.append(candidate)
                break
        if len(chosen) == n:
            break
    return _joined(chosen, terms) if narrow else chosen


def _joined(chosen: list[Term], terms: Sequence[Term]) -> list[Term]:
    """The same with two of the first words made one phrase where they are written as one: "verify", "identity"."""
    for place, first in enumerate(chosen[:_JOINED]):
        for other in chosen[place + 1 : _JOINED]:
            rarer, commoner = sorted((len(first.held), len(other.held)))
            if rarer < _NARROWED * commoner:
                continue
            phrases = [
                term
                for term in terms
                if first.words | other.words == term.words and len(term.held) >= _TOGETHER * rarer
            ]
            if phrases:
                phrase = max(phrases, key=_phrase_order)
                rest = [term for term in chosen if term is not first and term is not other]
                return _joined([*rest[:place], phrase, *rest[place:]], terms)
    return chosen


def _phrase_order(term: Term) -> tuple[float, int, str]:
    return term.score, len(term.words), term.surface


def _alike(one: Term, other: Term) -> bool:
    """Whether they share a word, or are forms of one word ("recipe", "recipes")."""
    if one.words & other.words:
        return True
    return same_word(one.surface, other.surface)


def same_word(one: str, other: str) -> bool:
    """Whether they are forms of one word ("recipe", "recipes"); beyond ASCII also where one holds the other."""
    a, b = one.lower(), other.lower()
    if not a.isascii() and (a in b or b in a):
        return True
    shared = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        shared += 1
    left = max(len(a), len(b)) - shared
    return (shared >= 4 and left <= 3) or (shared >= 3 and left <= 1)
