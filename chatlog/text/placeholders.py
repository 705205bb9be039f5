"""Placeholders: one name an entity, numbered in the order of first appearance in the conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import regex

from chatlog.text.checksums import digits
from chatlog.text.pii_span import LABELS
from chatlog.text.view import view

_NUMBERED: Final = regex.compile(
    rf"(?<![A-Za-z0-9])({'|'.join(sorted(set(LABELS.values())))})_(\d{{1,9}})(?![A-Za-z0-9])"
)
_POSSESSIVE: Final = regex.compile(r"['’]s?$")
_TITLES: Final = frozenset(
    "mr mrs ms miss mx dr prof sr sra srta dra don doña herr frau monsieur madame mme mlle hon judge justice rev fr "
    "sir lady dame señor señora signor signora dott ing pan pani".split()
)
_SHORTEST_PHONE: Final = 7


def name_parts(name: str) -> tuple[str, ...]:
    """The name's words in lower case, without titles and a possessive `'s`."""
    words = [_POSSESSIVE.sub("", word).strip(".,'’\"").lower() for word in name.split()]
    return tuple(word for word in words if word and word not in _TITLES)


class Numbering:
    """The placeholders of one conversation.

    A pure function of what is asked in which order: no state outlives the conversation, so the
    worker that had it does not show. Numbers that stand in the text already are never given out again.

    Args:
        texts: the conversation's texts, as they are.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._last: dict[str, int] = {}
        self._known: dict[tuple[str, str], str] = {}
        self._names: dict[tuple[str, ...], str] = {}
        for text in texts:
            if "_" not in text:
                continue
            for label, number in _NUMBERED.findall(text):
                self._last[label] = max(self._last.get(label, 0), int(number))

    def placeholder(self, type_: str, value: str) -> str:
        """The placeholder of the entity that `value` is."""
        if type_ == "PERSON":
            return self._person(value)
        key = (type_, _canonical(type_, value))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._next(LABELS[type_])
        return found

    def _person(self, value: str) -> str:
        parts = name_parts(value) or (value.lower(),)
        found = self._names.get(parts)
        if found is None:
            mine = set(parts)
            related = {
                placeholder for known, placeholder in self._names.items() if mine <= set(known) or mine >= set(known)
            }
            # Two Smiths: a bare `Smith` could be either, so it is a third, rather than a wrong one.
            found = related.pop() if len(related) == 1 else self._next(LABELS["PERSON"])
            self._names[parts] = found
        return found

    def _next(self, label: str) -> str:
        self._last[label] = self._last.get(label, 0) + 1
        return f"{label}_{self._last[label]}"


def _canonical(type_: str, value: str) -> str:
    plain = view(value).text.casefold()
    if type_ == "PHONE_NUMBER":
        number = digits(plain)
        # The national part decides, so that +1 555... and 555... are one phone.
        return number[-10:] if len(number) >= _SHORTEST_PHONE else number
    if type_ == "SECRET":
        return view(value).text
    return "".join(character for character in plain if character.isalnum() or character in "@.:/_")
