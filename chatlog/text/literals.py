"""Which of many rules a text can match at all: one pass of an Aho-Corasick automaton over all their literals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import ahocorasick

_SPACES: Final = str.maketrans("\t\n\r\v\f", "     ")


class Literals:
    """The rules of which a text holds a literal, found in one pass over the text.

    Args:
        rules: the literals of each rule, in lower case; a rule without any is always met.
    """

    def __init__(self, rules: Sequence[Sequence[str]]) -> None:
        masks: dict[str, int] = {}
        self._always = 0
        for number, words in enumerate(rules):
            if not words:
                self._always |= 1 << number
            for word in words:
                masks[word] = masks.get(word, 0) | 1 << number
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_ANY)
        for word, mask in masks.items():
            self._automaton.add_word(word, mask)
        self._automaton.make_automaton()

    def met(self, low: str) -> int:
        """A bit for each rule that a text in lower case can match: bit `n` for rule `n`."""
        met = self._always
        for _, mask in self._automaton.iter(low.translate(_SPACES)):
            met |= mask
        return met

    def hits(self, low: str) -> list[tuple[int, int]]:
        """Where literals end in a text in lower case, and a bit for each rule of that literal; by position."""
        return list(self._automaton.iter(low.translate(_SPACES)))

    @property
    def always(self) -> int:
        """The rules without literals."""
        return self._always


BEFORE: Final = 120
"""Characters before the end of its literal at which a match begins at the earliest."""
AFTER: Final = 320
"""Characters behind it at which a match has ended."""


def matches(pattern: Any, text: str, number: int, hits: Sequence[tuple[int, int]]) -> Iterator[Any]:
    """The matches of a rule near its literals, as `finditer` would find them in the whole text.

    Args:
        pattern: the rule's, of the package `regex`; its matches hold one of its literals.
        text: the text, of as many characters as the one that was searched for literals.
        number: the rule's number.
        hits: of `Literals.hits`.
    """
    done = 0
    ends = [end for end, mask in hits if mask >> number & 1]
    at = 0
    while at < len(ends):
        end = ends[at]
        stop = end + AFTER
        at += 1
        while at < len(ends) and ends[at] - BEFORE <= stop:
            stop = ends[at] + AFTER
            at += 1
        for match in pattern.finditer(text, max(done, end - BEFORE), stop):
            if match.end() >= stop < len(text):
                # It runs on beyond what was looked at: only the whole text tells its end.
                yield from pattern.finditer(text, match.start())
                return
            yield match
        done = stop
