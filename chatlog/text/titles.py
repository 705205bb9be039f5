"""Readable names of topics and themes from their terms: no two alike."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from chatlog.text.term_choice import Term

BETWEEN: Final = " · "

_TERMS: Final = 3
_WORDS: Final = 5
_STRENGTH: Final = 0.1
"""What a term must tell of what the first one tells, to stand in the name."""


def titles(groups: Sequence[Sequence[Term]], taken: set[str]) -> list[str | None]:
    """A name for each group of terms, the best first: three of them or five words; None where it has none.

    Args:
        groups: the terms of each topic.
        taken: names that stand already, casefolded; those given here are added. A name that is taken goes on with
            the topic's next term, and with a number where it has none.
    """
    return [_named(*name_terms(terms), taken) for terms in groups]


def theme_titles(groups: Sequence[Sequence[Term]], taken: set[str]) -> list[str | None]:
    """A name for each theme, of terms that together stand in most of its texts: one of a single topic is not enough."""
    return [_named(*name_terms(terms, theme=True), taken) for terms in groups]


def name_terms(terms: Sequence[Term], *, theme: bool = False) -> tuple[list[Term], list[Term]]:
    """The terms that stand in a name; and all of them, in the order in which they would go on with it."""
    ordered, count = _one_script_first(terms)
    if not theme:
        return _first(ordered[:count]), ordered
    chosen = _covering(ordered[:count])
    return chosen, [*chosen, *(term for term in ordered if term not in chosen)]


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken; adds it."""
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    found = name if name.casefold() not in taken else next(one for one in numbered if one.casefold() not in taken)
    taken.add(found.casefold())
    return found


def written(surfaces: Sequence[str]) -> str:
    """Terms as a name, the first letter a capital where its word has none: "Iced tea", but "iPhone"."""
    name = BETWEEN.join(surfaces)
    first = name.split(" ", 1)[0]
    return name[:1].upper() + name[1:] if first.islower() else name


def _one_script_first(terms: Sequence[Term]) -> tuple[list[Term], int]:
    """The terms with those of the script that tells most in front, and their number.

    A topic of several languages is named in one: "Distance · 距离" says one thing twice.
    """
    told: defaultdict[str, float] = defaultdict(float)
    for term in terms:
        told[_script(term.surface)] += term.score
    script = max(told, key=lambda one: (told[one], one), default="")
    same = [term for term in terms if _script(term.surface) == script]
    return [*same, *(term for term in terms if term not in same)], len(same)


def _script(surface: str) -> str:
    letter = next((one for one in surface if one.isalpha()), "")
    # The first word of a letter's name is its script's: LATIN, CYRILLIC, HANGUL.
    script = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA") else script


def _first(terms: Sequence[Term]) -> list[Term]:
    chosen: list[Term] = []
    words = 0
    for term in terms:
        words += len(term.words)
        if chosen and (len(chosen) == _TERMS or words > _WORDS or term.score < _STRENGTH * terms[0].score):
            break
        chosen.append(term)
    return chosen


def _covering(terms: Sequence[Term]) -> list[Term]:
    chosen: list[Term] = []
    covered: set[int] = set()
    while len(chosen) < _TERMS:
        # What a term tells, in the share of its texts in which none before it stands.
        gains = [(term.score * len(term.held - covered) / len(term.held), term) for term in terms if term not in chosen]
        gain, best = max(gains, key=lambda pair: (pair[0], pair[1].surface), default=(0.0, None))
        if best is None or (chosen and gain < _STRENGTH * chosen[0].score):
            break
        chosen.append(best)
        covered |= best.held
    return chosen


def _named(chosen: Sequence[Term], terms: Sequence[Term], taken: set[str]) -> str | None:
    if not chosen:
        return None
    for end in range(len(chosen), len(terms) + 1):
        name = written([term.surface for term in terms[:end]])
        if name.casefold() not in taken:
            break
    return unique(name, taken)
