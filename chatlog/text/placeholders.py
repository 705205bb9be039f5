"""Placeholders: one name an entity, numbered in the order of first appearance in the conversation."""

from __future__ import annotations

from typing import Final

import regex

from chatlog.text.checksums import digits
from chatlog.text.name_forms import Part, parts, same
from chatlog.text.pii_span import LABELS
from chatlog.text.view import view

_NUMBERED: Final = regex.compile(
    rf"(?<![A-Za-z0-9])({'|'.join(sorted(set(LABELS.values())))})_(\d{{1,9}})(?![A-Za-z0-9])"
)
_SHORTEST_PHONE: Final = 7
_MANY: Final = 64
"""Persons of one conversation who bear a part of a name, beyond which it names none of them."""


class Numbering:
    """The entities of one conversation and their numbers.

    A pure function of what is asked in which order: no state outlives the conversation, so the
    worker that had it does not show. Numbers that stand in a text that was told of are never given out again.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._names = Names()

    def reserve(self, text: str) -> None:
        """Keeps the numbers of placeholders that stand in `text` already."""
        if "_" in text:
            for label, number in _NUMBERED.findall(text):
                self._last[label] = max(self._last.get(label, 0), int(number))

    def number(self, type_: str, value: str) -> int:
        """The number of the entity that `value` is, among those of its label; from 1."""
        if type_ == "PERSON":
            known = self._names.find(value)
            if known is None:
                known = self._next(LABELS[type_])
            self._names.add(value, known)
            return known
        key = (type_, canonical(type_, value))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._next(LABELS[type_])
        return found

    def whole_name(self, number: int) -> tuple[Part, ...]:
        """The parts of the longest form in which the person of this number was named so far."""
        return self._names.longest.get(number, ())

    def _next(self, label: str) -> int:
        self._last[label] = self._last.get(label, 0) + 1
        return self._last[label]


class Names:
    """Persons by every form of their names that was met.

    Attributes:
        longest: number to the parts of the longest form.
    """

    def __init__(self) -> None:
        self.longest: dict[int, tuple[Part, ...]] = {}
        self._told: dict[str, int] = {}
        self._by_key: dict[str, dict[Part, set[int]]] = {}

    def find(self, value: str) -> int | None:
        """The number of the one person whose name holds all parts of `value`, or is held by it; None for none.

        Two Smiths: a bare `Smith` could be either, so it is a third, rather than a wrong one.
        """
        found = self._told.get(value)
        if found is not None:
            return found
        mine = parts(value)
        bearers = [self._bearers(part) for part in mine]
        # A part that many bear tells nobody apart, and the others may.
        near = {number for sets in bearers if sum(map(len, sets)) <= _MANY for numbers in sets for number in numbers}
        persons = {
            number
            for number in near
            if all(any(number in numbers for numbers in sets) for sets in bearers)
            or all(any(same(part, known) for part in mine) for known in self.longest[number])
        }
        return persons.pop() if len(persons) == 1 else None

    def _bearers(self, part: Part) -> list[set[int]]:
        return [
            numbers for key in _keys(part) for known, numbers in self._by_key.get(key, {}).items() if same(part, known)
        ]

    def add(self, value: str, number: int) -> None:
        """Tells that `value` names the person of this number."""
        if value in self._told:
            return
        self._told[value] = number
        mine = parts(value)
        if len(mine) > len(self.longest.get(number, ())):
            self.longest[number] = mine
        for part in mine:
            for key in _keys(part):
                self._by_key.setdefault(key, {}).setdefault(part, set()).add(number)


def _keys(part: Part) -> set[str]:
    return {f"={part.exact}", f"~{part.stem}", f"#{part.bones}"}


def canonical(type_: str, value: str) -> str:
    """What is equal for two ways of writing one identifier."""
    plain = view(value).text.casefold()
    if type_ == "PHONE_NUMBER":
        number = digits(plain)
        # The national part decides, so that +1 555... and 555... are one phone.
        return number[-10:] if len(number) >= _SHORTEST_PHONE else number
    if type_ == "SECRET":
        return view(value).text
    return "".join(character for character in plain if character.isalnum() or character in "@.:/_")
