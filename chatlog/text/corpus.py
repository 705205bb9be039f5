"""Texts by group, as the numbers of their words: what keywords are counted of."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import xxhash

from chatlog.text.word_forms import forms
from chatlog.text.words import Word, runs

VOCABULARY: Final = 300_000
"""Spellings that are known at once, some 100 MB; beyond it those that were met once are forgotten."""


@dataclass(frozen=True)
class Text:
    """A text: who wrote it, and its words.

    Attributes:
        who: a person, by number.
        words: spellings by number; -1 ends a run.
    """

    who: int
    words: array[int]


class Corpus:
    """Texts by group, as the numbers of their words."""

    def __init__(self, vocabulary: int = VOCABULARY) -> None:
        self._most = vocabulary
        self._numbers: dict[Word, int] = {}
        self._words: list[Word] = []
        self._texts: dict[int, list[Text]] = {}
        self._seen: set[int] = set()

    def add(self, group: int, who: int, text: str) -> None:
        """Takes in a text that `who` wrote; the same one by the same person counts once."""
        mark = xxhash.xxh3_64_intdigest(f"{group} {who} {text}".encode("utf-8", "surrogatepass"))
        if mark in self._seen:
            return
        self._seen.add(mark)
        numbers = array("i")
        for run in runs(text):
            numbers.extend([self._number(word) for word in run])
            numbers.append(-1)
        self._texts.setdefault(group, []).append(Text(who, numbers))
        if len(self._words) > self._most:
            self._forget()

    def writers(
        self, groups: Collection[int], words: Collection[frozenset[str]], enough: int
    ) -> dict[frozenset[str], int]:
        """How many people wrote each word, in any of its forms (word_forms.forms), in these groups; up to `enough`."""
        meant: dict[str, list[frozenset[str]]] = {}
        for word in words:
            for form in word:
                meant.setdefault(form, []).append(word)
        spelt: dict[int, set[frozenset[str]]] = {}
        for number, one in enumerate(self._words):
            found = {word for form in forms(one.key) for word in meant.get(form, ())}
            if found:
                spelt[number] = found
        people: dict[frozenset[str], set[int]] = {word: set() for word in words}
        for group in groups:
            for text in self.texts(group):
                for word in {word for number in text.words for word in spelt.get(number, ())}:
                    if len(people[word]) < enough:
                        people[word].add(text.who)
        return {word: len(who) for word, who in people.items()}

    def texts(self, group: int) -> list[Text]:
        """The texts of a group, in the order in which they came."""
        return self._texts.get(group, [])

    def groups(self) -> Iterable[int]:
        """All groups that have texts."""
        return self._texts.keys()

    @property
    def words(self) -> Sequence[Word]:
        """The spellings by number."""
        return self._words

    def _number(self, word: Word) -> int:
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self._words)
            self._words.append(word)
        return number

    def _forget(self) -> None:
        """Forgets spellings that were met once so far: nothing that so few wrote is shown."""
        met = Counter(number for texts in self._texts.values() for text in texts for number in text.words)
        kept = [number for number in range(len(self._words)) if met[number] > 1]
        new = {number: place for place, number in enumerate(kept)}
        self._words = [self._words[number] for number in kept]
        self._numbers = {word: place for place, word in enumerate(self._words)}
        for texts in self._texts.values():
            for text in texts:
                text.words[:] = array("i", [new.get(number, -1) for number in text.words])
        # Where nearly all are frequent, room is needed: else each new text would count everything again.
        self._most = max(self._most, 2 * len(kept))
