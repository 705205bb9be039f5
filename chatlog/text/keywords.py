"""The terms that set one group of texts apart from the others: words, and phrases of two or three."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from chatlog.text.corpus import Corpus, Text
from chatlog.text.term_choice import Term, distinct
from chatlog.text.word_forms import base
from chatlog.text.words import Role, Word

_CANDIDATES: Final = 60
_LONGEST_PHRASE: Final = 3
_WEAK: Final = 0.3
_ADDED: Final = 0.5
_EVERYWHERE: Final = 0.02

Key = tuple[int, ...]
"""The words of a term, by number."""


def best_terms(corpus: Corpus, sets: Sequence[Collection[int]], n: int, min_users: int) -> list[list[Term]]:
    """Up to `n` terms of each set of groups, the best first; none that fewer than `min_users` people wrote.

    Class-based TF-IDF (arXiv 2203.05794, section 3.3) on shares of texts, not on occurrences: one long text that
    repeats a word would own the group's name. A term's weight is its share of the group's texts, times the logarithm
    of how much larger it is than its share of the others. Other than there, a phrase is weighed as a word is, and
    takes the place of its words where most texts that hold them hold it.
    """
    return _Terms(corpus, sets, min_users).found(n)


class _Terms:
    """What is counted for one call of `best_terms`."""

    def __init__(self, corpus: Corpus, sets: Sequence[Collection[int]], min_users: int) -> None:
        self._words = corpus.words
        self._sets = [[text for group in sorted(groups) for text in corpus.texts(group)] for groups in sets]
        self._every = [text for group in sorted(corpus.groups()) for text in corpus.texts(group)]
        # The name of several groups must not be narrower than what they have between them.
        self._narrow = [len(groups) == 1 for groups in sets]
        self._min_users = min_users
        met = Counter(number for text in self._every for number in set(text.words) if number >= 0)
        self._forms = _forms(corpus.words, met)
        self._cased: dict[str, tuple[int, str]] = {}
        for number, word in enumerate(corpus.words):
            lower = word.surface.lower()
            self._cased[lower] = max(self._cased.get(lower, (0, "")), (met[number], word.surface))

    def found(self, n: int) -> list[list[Term]]:
        candidates = [self._candidates(texts) for texts in self._sets]
        wanted = {key for counted in candidates for key in counted}
        total: Counter[Key] = Counter()
        for text in self._every:
            total.update(self._keys(text, wanted))
        return [
            self._best(texts, counted, total, n, narrow)
            for texts, counted, narrow in zip(self._sets, candidates, self._narrow, strict=True)
        ]

    def _candidates(self, texts: list[Text]) -> dict[Key, int]:
        """Terms that enough people of a group wrote, and in how many of its texts they stand."""
        frequent: dict[Key, int] = {}
        for length in range(1, _LONGEST_PHRASE + 1):
            grams = [set(self._grams(text, length, frequent)) for text in texts]
            counts = Counter(key for keys in grams for key in keys)
            enough = {key: count for key, count in counts.items() if count >= self._min_users}
            users: dict[Key, set[int]] = {key: set() for key in enough}
            for text, keys in zip(texts, grams, strict=True):
                for key in keys & enough.keys():
                    if len(users[key]) < self._min_users:
                        users[key].add(text.who)
            new = {key: count for key, count in enough.items() if len(users[key]) >= self._min_users}
            if not new:
                break
            frequent |= new
        return frequent

    def _grams(self, text: Text, length: int, frequent: Collection[Key]) -> Iterator[Key]:
        """The terms of so many words, in order: those of several words where each of them is frequent."""
        run: list[int] = []
        for number in (*text.words, -1):
            if number >= 0:
                run.append(number)
                continue
            yield from self._of_run(run, length, frequent)
            run = []

    def _of_run(self, run: list[int], length: int, frequent: Collection[Key]) -> Iterator[Key]:
        forms, words = self._forms, self._words
        if length == 1:
            yield from ((forms[number],) for number in run if words[number].role is not Role.LINKS)
            return
        for start in range(len(run)):
            key: list[int] = []
            count = 0
            joined = words[run[start]].joined
            for number in run[start:]:
                word = words[number]
                if word.joined is not joined:
                    break
                key.append(forms[number])
                if word.role is Role.LINKS:
                    if count == 0:
                        break
                    continue
                if (forms[number],) not in frequent:
                    break
                count += 1
                if count == length:
                    # "list" may end a phrase, and begins none; a phrase of equal words is a stutter.
                    if words[run[start]].role is Role.NAMES and len(set(key)) == len(key):
                        yield tuple(key)
                    break
                if word.role is Role.ENDS:
                    break

    def _keys(self, text: Text, wanted: Collection[Key]) -> set[Key]:
        known = {key for key in self._grams(text, 1, ()) if key in wanted}
        found = set(known)
        for length in range(2, _LONGEST_PHRASE + 1):
            found.update(key for key in self._grams(text, length, known) if key in wanted)
        return found

    def _best(
        self, texts: list[Text], counted: dict[Key, int], total: Counter[Key], n: int, narrow: bool
    ) -> list[Term]:
        size, every = max(1, len(texts)), len(self._every)
        scored = []
        for key, count in counted.items():
            scored.append((self._score(key, count, size, total[key], every), key))
        # The words themselves break ties, so that the order never depends on a set's.
        scored.sort(key=lambda item: (-item[0], [self._words[number].surface for number in item[1]]))
        top = [(key, score) for score, key in scored[:_CANDIDATES]]
        held: dict[Key, set[int]] = {key: set() for key, _ in top}
        surfaces: dict[Key, dict[tuple[int, ...], set[int]]] = {key: {} for key, _ in top}
        for place, text in enumerate(texts):
            for key, spelling in self._spellings(text, surfaces.keys()):
                held[key].add(place)
                surfaces[key].setdefault(spelling, set()).add(text.who)
        terms = []
        for key, score in top:
            surface = self._surface(surfaces[key])
            if surface:
                terms.append(Term(surface, score, len(held[key]) / size, frozenset(held[key]), frozenset(key)))
        return distinct(terms, n, narrow=narrow)

    def _score(self, key: Key, count: int, size: int, total: int, every: int) -> float:
        share = count / size
        outside = (total - count + _ADDED) / (every - size + 2 * _ADDED) if every > size else share
        # What stands everywhere tells a little too, where nothing else tells more.
        score = share * (math.log(max(share / outside, 1.0)) + _EVERYWHERE)
        if len(key) == 1 and self._role(key[0]) is Role.ENDS:
            score *= _WEAK
        return score

    def _role(self, form: int) -> Role:
        return self._words[form].role

    def _spellings(self, text: Text, wanted: Collection[Key]) -> Iterator[tuple[Key, tuple[int, ...]]]:
        numbers = text.words
        forms = [self._forms[number] if number >= 0 else -1 for number in numbers]
        for start in range(len(numbers)):
            for length in range(1, 2 * _LONGEST_PHRASE):
                key = tuple(forms[start : start + length])
                if -1 in key or len(key) < length:
                    break
                if key in wanted:
                    yield key, tuple(numbers[start : start + length])

    def _surface(self, spellings: dict[tuple[int, ...], set[int]]) -> str:
        """The spelling that most people wrote, letters' case aside; empty where too few wrote any one."""
        by_lower: dict[str, set[int]] = {}
        for spelling, people in spellings.items():
            by_lower.setdefault(self._written(spelling).lower(), set()).update(people)
        if not by_lower:
            return ""
        lower = min(by_lower, key=lambda one: (-len(by_lower[one]), len(one), one))
        if len(by_lower[lower]) < self._min_users:
            return ""
        # Capitals are those of most texts, wherever the word stands in them.
        spelling = next(one for one in spellings if self._written(one).lower() == lower)
        words = [self._words[number] for number in spelling]
        return _between(words).join(self._cased[word.surface.lower()][1] for word in words)

    def _written(self, spelling: tuple[int, ...]) -> str:
        words = [self._words[number] for number in spelling]
        return _between(words).join(word.surface for word in words)


def _between(words: Sequence[Word]) -> str:
    return "" if words[-1].joined else " "


def _forms(words: Sequence[Word], met: Counter[int]) -> list[int]:
    """For each spelling the number of the word that it is a form of: of the commonest spelling with its key."""
    by_key: dict[str, int] = {}
    for number, word in enumerate(words):
        best = by_key.get(word.key)
        # The spelling breaks ties: numbers depend on which text came first.
        if best is None or (met[number], word.surface) > (met[best], words[best].surface):
            by_key[word.key] = number
    canonical: dict[str, str] = {}
    for key in sorted(by_key, key=lambda one: (len(one), one)):
        same = next((one for one in base(key) if one in by_key), None)
        canonical[key] = key if same is None else canonical[same]
    return [by_key[canonical[word.key]] for word in words]
