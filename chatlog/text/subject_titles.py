"""Names of topics and themes by what they are about, and by their terms: "Cooking and recipes: bread, dough"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chatlog.text.term_choice import Term, same_word
from chatlog.text.titles import BETWEEN, name_terms, unique, written

MIXED: Final = "Mixed questions"
"""What a topic is called of which nothing is told that its questions have in common."""

MORE: Final = " and more"
"""What follows the largest fields of a mixture."""

_SHARE: Final = 0.08
"""The share of the texts that a term stands in, from which on it is told beside a subject."""

_STRONG: Final = 0.25
"""The shares of the terms of a name by terms alone, together, where a mixture of fields could be told in its place."""

_TERMS: Final = 3
_WORDS: Final = 4
_PARTS: Final = 2
_LANGUAGES: Final = 3


@dataclass(frozen=True)
class About:
    """What the questions of a topic or theme are about.

    Attributes:
        subjects: titles, the best first; empty where none fits. Those after the first may fit fewer questions.
        field: the broader title that fits; empty where none does.
        parts: fields that together tell what a mixed topic holds, by their short names, the largest first.
        languages: English names, those of most questions first; or "many languages".
    """

    subjects: tuple[str, ...] = ()
    field: str = ""
    parts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def title(about: About, terms: Sequence[Term], taken: set[str], *, theme: bool = False) -> tuple[str, str | None]:
    """The name, and what it is by: subjects, keywords, or None for a mixture of which no subject is told.

    Args:
        about: what the questions are about.
        terms: the topic's terms, the best first.
        taken: names that stand already, casefolded; the one given is added. A name that is taken goes on with the next
            term, then with another subject, and with a number where there is none.
        theme: whether the terms must together stand in most texts.
    """
    chosen, ordered = name_terms(terms, theme=theme)
    head = about.subjects[0] if about.subjects else about.field
    if head:
        return _free(_headed(head, about, chosen, ordered), taken), "subjects"
    if chosen and (sum(term.share for term in chosen) >= _STRONG or not about.parts):
        names = (written([term.surface for term in ordered[:end]]) for end in range(len(chosen), len(ordered) + 1))
        return _free(names, taken), "keywords"
    name = _free(_mixed(about), taken)
    return name, None if name.startswith(MIXED) else "subjects"


def _headed(head: str, about: About, chosen: Sequence[Term], ordered: Sequence[Term]) -> Iterator[str]:
    telling = [term for term in ordered if term.share >= _SHARE and not _repeats(term.surface, head)]
    first = _few([term for term in telling if term in chosen])
    rest = [term for term in telling if term not in first]
    if not first:
        yield head
    for end in range(0 if first else 1, len(rest) + 1):
        yield f"{head}: {', '.join(term.surface for term in [*first, *rest[:end]])}"
    for other in (*about.subjects[1:], *about.parts):
        if other != head:
            yield f"{head}{BETWEEN}{other}"


def _few(terms: Sequence[Term]) -> list[Term]:
    few: list[Term] = []
    words = 0
    for term in terms[:_TERMS]:
        words += len(term.words)
        if few and words > _WORDS:
            break
        few.append(term)
    return few


def _repeats(surface: str, head: str) -> bool:
    """Whether each word of a term stands in the subject already."""
    return all(any(same_word(word, said) for said in head.split()) for word in surface.split())


def _mixed(about: About) -> Iterator[str]:
    for end in range(min(_PARTS, len(about.parts)), len(about.parts) + 1):
        if end:
            parts = [about.parts[0], *(part[:1].lower() + part[1:] for part in about.parts[1:end])]
            yield f"{', '.join(parts)}{MORE}"
    for end in range(min(_LANGUAGES, len(about.languages)), len(about.languages) + 1):
        if end:
            yield f"{MIXED}: {', '.join(about.languages[:end])}"
    yield MIXED


def _free(names: Iterator[str], taken: set[str]) -> str:
    """The first name that is not taken; the first of all, with a number, where all are."""
    every = list(names)
    return unique(next((name for name in every if name.casefold() not in taken), every[0]), taken)
