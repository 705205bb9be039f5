"""The terms that set one group of texts apart from the others."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from chatlog.text.terms import terms

_SUBSUMED: Final = 0.6
# A longer term that stands in so large a share of the texts that hold the shorter one replaces it:
# "machine learning" for "learning", a whole Chinese word for its first two characters.

_CANDIDATES: Final = 60


class TermCounts:
    """In how many texts of each group a term stands.

    Texts are counted, not occurrences: one long text that repeats a word would own the group's name.
    """

    def __init__(self) -> None:
        self._counts: dict[int, Counter[str]] = {}
        self._texts: Counter[int] = Counter()

    def add(self, group: int, text: str) -> None:
        """Counts the terms of one text."""
        self._counts.setdefault(group, Counter()).update(terms(text))
        self._texts[group] += 1

    def keywords(self, n: int, min_texts: int) -> dict[int, list[str]]:
        """Up to `n` keywords a group, best first, by class-based TF-IDF (arXiv 2203.05794, section 3.3).

        A term's frequency is the share of the group's texts that hold it; the weight against it is
        log(1 + mean terms a group / groups' total count of the term). Terms in fewer than `min_texts` texts
        of the group are left out: they could name a person.
        """
        total: Counter[str] = Counter()
        for counts in self._counts.values():
            total.update(counts)
        mean = sum(total.values()) / max(1, len(self._counts))
        found = {}
        for group, counts in sorted(self._counts.items()):
            frequent = [(term, count) for term, count in counts.items() if count >= min_texts]
            scored = sorted(
                ((count * math.log1p(mean / total[term]), term, count) for term, count in frequent),
                # The term itself breaks ties, so that the order never depends on a set's.
                key=lambda item: (-item[0], item[1]),
            )
            found[group] = _distinct([(term, count) for _, term, count in scored[:_CANDIDATES]], n)
        return found


def _distinct(ranked: list[tuple[str, int]], n: int) -> list[str]:
    """The first `n` terms that do not repeat one another."""
    counts = dict(ranked)
    chosen: list[str] = []
    for term, count in ranked:
        longer = [
            other for other in counts if other != term and _holds(other, term) and counts[other] >= _SUBSUMED * count
        ]
        # "python traceback" is no second keyword beside "python"; "traceback" is.
        for candidate in (*sorted(longer, key=lambda other: (-len(other), other))[:1], term):
            if not any(_alike(candidate, other) for other in chosen):
                chosen.append(candidate)
                break
        if len(chosen) == n:
            break
    return chosen


def _holds(longer: str, shorter: str) -> bool:
    if " " in longer:
        return shorter in longer.split(" ")
    # Without spaces, only n-grams of scripts that use none stand inside one another as wholes.
    return not longer[0].isascii() and " " not in shorter and shorter in longer


def _alike(one: str, other: str) -> bool:
    """Whether they share a word, or are forms of one word ("recipe", "recipes")."""
    if set(one.split(" ")) & set(other.split(" ")) or _holds(one, other) or _holds(other, one):
        return True
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    left = max(len(one), len(other)) - shared
    return (shared >= 4 and left <= 3) or (shared >= 3 and left <= 1)
