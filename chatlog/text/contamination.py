"""Which known texts stand in others: equal, contained whole, or sharing word n-grams.

The known texts are the parts of benchmark items. What is rare in them is hashed once; a text's
n-grams are then looked up all at once, and only what is found there is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from chatlog.text.neardup import distinct
from chatlog.text.ngrams import Hashes, Index, kinds, stands_in, trimmed, words_of

_LOAD: Final = 32
"""Slots of a sieve a hash: one n-gram in so many is looked up in vain."""


class Part(NamedTuple):
    """One text to look for, folded; `group` numbers the benchmark that it is of."""

    text: str
    group: int


class Hit(NamedTuple):
    """A part found in a text."""

    part: int
    share: float  # of the part's countable n-grams that the text holds; 1 for an exact hit
    exact: bool


@dataclass(frozen=True)
class Widths:
    """Sizes in words, and in characters for scripts that write no spaces.

    Attributes:
        gram: of an n-gram, (words, characters).
        contained: of the shortest part that is looked for inside of longer texts; a shorter one
            must be equal to the whole text.
        common: an n-gram that more parts of one benchmark share is a template's and is not counted.
    """

    gram: tuple[int, int]
    contained: tuple[int, int]
    common: int


class Parts:
    """The parts of benchmarks, ready to be found in texts."""

    def __init__(self, parts: Sequence[Part], widths: Widths) -> None:
        """Hash the parts' n-grams."""
        kinds()
        self.inner = [trimmed(part.text) for part in parts]
        self.whole: dict[str, list[int]] = {}
        for number, part in enumerate(parts):
            self.whole.setdefault(part.text, []).append(number)
        self.countable: Index = np.zeros(len(parts), dtype=np.int64)
        words, alone = _counts([part.text for part in parts])
        group = np.fromiter((part.group for part in parts), dtype=np.int64, count=len(parts))
        self.sieves: list[_Sieve] = []
        for script, unspaced in enumerate((False, True)):
            mine = (alone * 2 > words) == unspaced
            whole = mine & (words >= widths.gram[script])
            short = mine & ~whole & (words >= widths.contained[script])
            for members, width, limit in (
                (whole, widths.gram[script], widths.common),
                (short, widths.contained[script], 0),  # only to find candidates by
            ):
                chosen = np.flatnonzero(members)
                if chosen.size:
                    texts = [parts[number].text for number in chosen.tolist()]
                    grams, owner, counted = _rare(texts, group[chosen], width, limit)
                    self.countable[chosen] = counted
                    self.sieves.append(_Sieve(width, grams, chosen[owner]))

    def find(self, texts: Sequence[str]) -> list[list[Hit]]:
        """The parts in each of the folded texts, by number of part."""
        found: list[dict[int, Hit]] = [
            {number: Hit(number, 1.0, True) for number in self.whole.get(text, ())} if text else {} for text in texts
        ]
        keys: list[Index] = []
        for words in words_of(texts):
            keys += [sieve.keys(*words.grams(sieve.width)) for sieve in self.sieves]
        for sieve, mine in zip(self.sieves, _by_sieve(keys, len(self.sieves)), strict=True):
            for owner, part, count in sieve.shared(mine):
                if part in found[owner]:
                    continue
                countable = int(self.countable[part])
                if count >= countable and stands_in(self.inner[part], texts[owner]):
                    found[owner][part] = Hit(part, 1.0, True)
                elif countable:
                    found[owner][part] = Hit(part, count / countable, False)
        return [[hits[number] for number in sorted(hits)] for hits in found]


class _Sieve:
    """The n-grams of one width, each with the parts that it stands for."""

    def __init__(self, width: int, grams: Hashes, parts: Index) -> None:
        self.width = width
        order = np.argsort(grams, kind="stable")
        self.grams, counts = np.unique(grams[order], return_counts=True)
        self.parts = parts[order]
        self.offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        bits = min(26, max(12, int(self.grams.size * _LOAD).bit_length()))
        self.shift = np.uint64(64 - bits)
        self.flags: npt.NDArray[np.bool_] = np.zeros(1 << bits, dtype=bool)
        self.flags[self.grams >> self.shift] = True

    def keys(self, hashes: Hashes, owner: Index) -> Index:
        """(n,) int64, sorted and distinct: text times the number of n-grams, plus the n-gram that it holds."""
        maybe = np.flatnonzero(self.flags[hashes >> self.shift])
        hashes, owner = hashes[maybe], owner[maybe]
        place = np.minimum(np.searchsorted(self.grams, hashes), self.grams.size - 1)
        same = self.grams[place] == hashes
        return distinct(owner[same] * self.grams.size + place[same])

    def shared(self, keys: Index) -> list[tuple[int, int, int]]:
        """Text, part, and how many of the part's distinct n-grams stand in the text."""
        owner, gram = np.divmod(keys, self.grams.size)
        counts = self.offsets[gram + 1] - self.offsets[gram]
        owner = np.repeat(owner, counts)
        first = np.repeat(self.offsets[gram] - (np.cumsum(counts) - counts), counts)
        part = self.parts[first + np.arange(owner.size)]
        room = int(self.parts.max()) + 1
        pairs, number = np.unique(owner * room + part, return_counts=True)
        owner, part = np.divmod(pairs, room)
        return list(zip(owner.tolist(), part.tolist(), number.tolist(), strict=True))


def _by_sieve(keys: list[Index], sieves: int) -> list[Index]:
    """The keys of each sieve over all pieces, distinct: pieces of one text overlap."""
    if len(keys) == sieves:
        return keys
    return [distinct(np.concatenate(keys[at::sieves])) if keys else np.empty(0, np.int64) for at in range(sieves)]


def _counts(texts: Sequence[str]) -> tuple[Index, Index]:
    """Words of each text, and how many of them are characters of scripts without spaces.

    Of a text that is hashed in pieces, what the pieces share counts twice: it is long in any case.
    """
    words, alone = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.int64)
    for piece in words_of(texts):
        words += np.bincount(piece.owner, minlength=len(texts))
        alone += np.bincount(piece.owner[piece.alone], minlength=len(texts))
    return words, alone


def _rare(texts: Sequence[str], group: Index, width: int, common: int) -> tuple[Hashes, Index, Index]:
    """The n-grams that a text is known by: those that at most `common` texts of its group share.

    A text that has no such n-gram is known by its rarest, which is not counted.

    Returns:
        grams: (n,) uint64, distinct within a text.
        owner: (n,) int64, the text of each.
        countable: (n_texts,) int64, how many n-grams of each text count.
    """
    pieces = [words.grams(width) for words in words_of(texts)]
    hashes = np.concatenate([grams for grams, _ in pieces])
    owner = np.concatenate([owners for _, owners in pieces])
    grams, place = np.unique(hashes, return_inverse=True)
    pairs = distinct(place.astype(np.int64) * len(texts) + owner)
    place, owner = np.divmod(pairs, len(texts))
    _, same, shared = np.unique(place * (int(group.max()) + 1) + group[owner], return_inverse=True, return_counts=True)
    shared = shared[same]
    kept = shared <= common
    countable = np.bincount(owner[kept], minlength=len(texts))
    order = np.lexsort((place, shared, owner))
    rarest = order[np.unique(owner[order], return_index=True)[1]]
    kept[rarest[countable[owner[rarest]] == 0]] = True
    return grams[place[kept]], owner[kept], countable
