"""Hashes of the word n-grams of many texts at once.

A word is a run of letters, marks and digits; everything else divides words and is otherwise
ignored. In scripts that write no spaces each character counts as a word of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

CHUNK: Final = 1 << 19
"""Characters that are hashed at a time: bounds memory to some 50 MB, and stays near the cache."""

_OVERLAP: Final = 1 << 12
"""Characters that two pieces of a longer text share, so that no n-gram is lost between them."""

_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # splitmix64's multipliers

_APART, _LETTER, _ALONE = 0, 1, 2

Hashes = npt.NDArray[np.uint64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Words:
    """The words of some texts, one after another.

    Attributes:
        sums: (n + 1,) uint64, running sums of the words' hashes, each scaled by its place.
        owner: (n,) int64, the text that each word stands in.
        alone: (n,) bool, whether it is a character of a script without spaces.
    """

    sums: Hashes
    owner: Index
    alone: npt.NDArray[np.bool_]

    def grams(self, width: int) -> tuple[Hashes, Index]:
        """Hashes (m,) uint64 of every run of `width` words in one text, and the text (m,) int64 of each."""
        count = self.owner.size - width + 1
        if count <= 0:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        hashes = self.sums[width:] - self.sums[:-width]
        hashes *= _powers(CHUNK)[1][:count]
        owner = self.owner[:count]
        inside = owner == self.owner[width - 1 :]
        return _mixed(hashes[inside]), owner[inside]


def words_of(texts: Sequence[str]) -> Iterator[Words]:
    """The words of folded texts, in pieces of bounded size; `owner` counts texts from the first on.

    A piece that ends within a text is followed by one that begins a little before that end.
    """
    batch: list[str] = []
    owners: list[int] = []
    size = 0
    for number, text in enumerate(texts):
        for piece in _pieces(text):
            if batch and size + len(piece) + 1 > CHUNK:
                yield _words(batch, owners)
                batch, owners, size = [], [], 0
            batch.append(piece)
            owners.append(number)
            size += len(piece) + 1
    if batch:
        yield _words(batch, owners)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start >= CHUNK:
        # Words are not cut where there are spaces: a piece ends before one and begins after one.
        limit = start + CHUNK - 1
        end = text.rfind(" ", limit - _OVERLAP, limit)
        end = limit if end < 0 else end
        yield text[start:end]
        space = text.find(" ", end - _OVERLAP, end)
        start = end - _OVERLAP if space < 0 else space + 1
    yield text[start:]


def _words(pieces: list[str], owners: list[int]) -> Words:
    # A space stands after each piece; it is no part of a word.
    joined = " ".join(pieces) + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    power, inverse = _powers(CHUNK)
    kind = kinds()[codes]
    letter = kind == _LETTER
    alone = kind == _ALONE
    first = alone.copy()
    first[0] |= letter[0]
    first[1:] |= letter[1:] & ~letter[:-1]
    last = alone.copy()
    last[:-1] |= letter[:-1] & ~letter[1:]  # the space at the end closes the last word
    starts = np.flatnonzero(first)
    ends = np.flatnonzero(last) + 1
    sums = np.zeros(codes.size + 1, dtype=np.uint64)
    np.cumsum((codes + np.uint32(1)) * power[: codes.size], out=sums[1:])
    hashes = _mixed((sums[ends] - sums[starts]) * inverse[starts])
    scaled = np.zeros(starts.size + 1, dtype=np.uint64)
    np.cumsum(hashes * power[: starts.size], out=scaled[1:])
    lengths = np.fromiter((len(piece) + 1 for piece in pieces), dtype=np.int64, count=len(pieces))
    edges = np.searchsorted(starts, np.cumsum(lengths))
    owner = np.repeat(np.asarray(owners, dtype=np.int64), np.diff(edges, prepend=0))
    return Words(scaled, owner, alone[starts])


def _mixed(hashes: Hashes) -> Hashes:
    """splitmix64's finaliser: every bit of the sum moves every bit of the hash."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX[1]
    return hashes ^ (hashes >> np.uint64(31))


@cache
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The powers of the base and of its inverse modulo 2**64, each (count,) uint64."""
    made = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        steps = np.full(count, base, dtype=np.uint64)
        steps[0] = 1
        made.append(np.multiply.accumulate(steps))
    return made[0], made[1]


@cache
def kinds() -> npt.NDArray[np.uint8]:
    """What each code point is, (0x110000,) uint8: 0 divides words, 1 is of a word, 2 is a word alone."""
    import regex

    every = "".join(map(chr, range(0x110000)))
    found = np.zeros(len(every), dtype=np.uint8)
    for pattern, kind in (
        (r"[\p{L}\p{M}\p{N}]+", _LETTER),
        (r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}&&[\p{L}\p{M}\p{N}]]+", _ALONE),
    ):
        for match in regex.finditer(pattern, every, flags=regex.V1):
            found[match.start() : match.end()] = kind
    return found


def trimmed(text: str) -> str:
    """The text from its first word to its last."""
    table = kinds()
    start, end = 0, len(text)
    while start < end and table[ord(text[start])] == _APART:
        start += 1
    while end > start and table[ord(text[end - 1])] == _APART:
        end -= 1
    return text[start:end]


def stands_in(part: str, text: str) -> bool:
    """Whether a text holds `part`, which begins and ends with a word, and not as a piece of longer words."""
    at = text.find(part)
    while at >= 0:
        if _divided(text, at) and _divided(text, at + len(part)):
            return True
        at = text.find(part, at + 1)
    return False


def _divided(text: str, at: int) -> bool:
    """Whether no word goes on across the place `at`."""
    if at in (0, len(text)):
        return True
    table = kinds()
    return not (table[ord(text[at - 1])] == _LETTER and table[ord(text[at])] == _LETTER)
