"""Shingles as hashes, for a batch of texts at once.

A shingle is a run of symbols. A symbol is a character or, where words are spaced, a word; in scripts
that are written without spaces each character is a word of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, Knuth's multiplicative hashing
_FINAL: Final = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64's first multiplier

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Shingles = npt.NDArray[np.int32]

BITS: Final = 30
"""Bits of a shingle in a set: so many columns a scipy.sparse matrix indexes by int32. The lowest is the text's tag."""

_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x20000, 0x3FFFF),  # Han, extensions B and up
)
"""Unicode blocks of scripts that put no space between words."""

_GAP, _LETTER, _ALONE = 0, 1, 2


def characters(texts: Sequence[str]) -> tuple[Hashes, Counts]:
    """The code points of the texts, one text after another, and how many each has."""
    flat = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    return flat, np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))


def words(texts: Sequence[str]) -> tuple[Hashes, Counts]:
    """64-bit hashes of the texts' words, and how many each text has.

    A word is a run of letters, digits and marks; a character of an unspaced script is one by itself.
    Everything else separates.
    """
    flat, lengths = characters(texts)
    kind = _kinds()[flat.astype(np.int64)]
    begins = np.zeros(flat.size, dtype=bool)
    starts = np.cumsum(lengths) - lengths
    begins[starts[lengths > 0]] = True
    begins[1:] |= (kind[:-1] != _LETTER) | (kind[1:] == _ALONE)
    begins &= kind != _GAP
    at = np.flatnonzero(begins)
    held = np.concatenate([[0], np.cumsum(begins)])
    counts = (held[starts + lengths] - held[starts]).astype(np.int64)
    if not at.size:
        return np.empty(0, dtype=np.uint64), counts
    spans = np.diff(at, append=flat.size)
    place = np.arange(at[0], flat.size, dtype=np.int64) - np.repeat(at, spans)
    values = (flat[at[0] :] + np.uint64(1)) * _powers(int(place.max()) + 1)[place]
    values[kind[at[0] :] == _GAP] = 0
    return finished(np.add.reduceat(values, at - at[0])), counts


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """What every code point is to a word, (0x110000,) uint8."""
    import unicodedata

    table = np.zeros(0x110000, dtype=np.uint8)
    for code in range(0x110000):
        if unicodedata.category(chr(code))[0] in "LNM":
            table[code] = _LETTER
    for first, last in _UNSPACED:
        block = table[first : last + 1]
        block[block == _LETTER] = _ALONE
    return table


def _powers(count: int) -> Hashes:
    powers: Hashes = np.multiply.accumulate(np.full(count, _MULTIPLIER, dtype=np.uint64))
    return powers


def finished(hashes: Hashes) -> Hashes:
    """The hashes with every bit mixed into every other (splitmix64's last steps), in place."""
    hashes ^= hashes >> np.uint64(30)
    hashes *= _FINAL
    hashes ^= hashes >> np.uint64(27)
    hashes *= _MULTIPLIER
    hashes ^= hashes >> np.uint64(31)
    return hashes


def windows(symbols: Hashes, counts: Counts, width: int) -> tuple[Hashes, Counts]:
    """64-bit hashes of every run of `width` symbols within a text, and how many each text has.

    Args:
        symbols: (n,) uint64, the texts' symbols one after another.
        counts: (n_texts,) int64, symbols of each text.
        width: symbols of a shingle. A text of fewer, if not empty, is one shingle.
    """
    short = (counts > 0) & (counts < width)
    if short.any():
        symbols, counts = _padded(symbols, counts, np.where(short, width, counts))
    held = np.where(counts > 0, counts - width + 1, 0)
    total = symbols.size - width + 1
    if total <= 0:
        return np.empty(0, dtype=np.uint64), held
    # Horner's rule over the whole row of symbols; runs that cross from one text to the next are left out below.
    hashes = symbols[:total] + np.uint64(1)
    for step in range(1, width):
        hashes *= _MULTIPLIER
        hashes += symbols[step : step + total]
        hashes += np.uint64(1)
    ends = np.cumsum(counts)[counts > 0]
    crossing = (ends[:, None] - np.arange(1, width)).ravel()
    keep = np.ones(total, dtype=bool)
    keep[crossing[crossing < total]] = False
    return finished(hashes[keep]), held


def _padded(symbols: Hashes, counts: Counts, wanted: Counts) -> tuple[Hashes, Counts]:
    """The symbols with zeros behind the texts that have fewer than is wanted."""
    starts = np.cumsum(wanted) - wanted
    shift = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    padded = np.zeros(int(wanted.sum()), dtype=np.uint64)
    padded[np.arange(symbols.size) + shift] = symbols
    return padded, wanted


def mixed(values: Hashes) -> Hashes:
    """One 64-bit hash of each row along the last axis: (..., k) uint64 to (...) uint64."""
    hashes = np.zeros(values.shape[:-1], dtype=np.uint64)
    for step in range(values.shape[-1]):
        hashes = (hashes ^ (values[..., step] + np.uint64(1))) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    return hashes


def sampled_sets(
    hashes: Hashes, tags: npt.NDArray[np.bool_], counts: Counts, limit: int
) -> tuple[Shingles, Counts, npt.NDArray[np.int8]]:
    """The distinct shingles of each row as sorted values, thinned where there are more than `limit`.

    A value is the hash's upper bits with the tag as the lowest. Thinning keeps the values below a bound
    that is halved until they fit (FracMinHash, Irber et al. 2022): sets thinned to the same level sample
    the same shingles, so their Jaccard similarity estimates that of the whole sets.

    Args:
        hashes: (n,) uint64, the rows' shingles one after another, repeats included.
        tags: (n,) bool.
        counts: (n_rows,) int64, shingles of each row.
        limit: distinct shingles that are kept of a row.

    Returns:
        values: (m,) int32, sorted within each row.
        sizes: (n_rows,) int64, values of each row.
        levels: (n_rows,) int8, how often the bound was halved; 0 means that the set is whole.
    """
    rows = counts.size
    values = (hashes >> np.uint64(64 - BITS)).astype(np.uint32)
    values &= np.uint32(0x3FFFFFFE)
    values |= tags
    ends = np.cumsum(counts)
    starts = ends - counts
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        values[start:end].sort()  # many short sorts take a quarter of the time of one long sort
    kept, sizes = once_a_row(values.view(np.int32), counts)
    levels = np.zeros(rows, dtype=np.int8)
    over = np.flatnonzero(sizes > limit)
    if over.size:
        starts = np.cumsum(sizes) - sizes
        keep = np.ones(kept.size, dtype=bool)
        for row in over.tolist():
            mine = kept[starts[row] : starts[row] + sizes[row]]
            level, left = 0, mine.size
            while left > limit:
                level += 1
                left = int(np.searchsorted(mine, bound(level)))
            keep[starts[row] + left : starts[row] + sizes[row]] = False
            sizes[row], levels[row] = left, level
        kept = kept[keep]
    return kept, sizes, levels


def once_a_row(values: Shingles, counts: Counts) -> tuple[Shingles, Counts]:
    """The rows' sorted values, each once a row, and how many each row has then."""
    starts = np.cumsum(counts) - counts
    first = np.ones(values.size, dtype=bool)
    first[1:] = values[1:] != values[:-1]
    first[starts[counts > 0]] = True
    held = np.concatenate([[0], np.cumsum(first)])
    return values[first], held[starts + counts] - held[starts]


def bound(level: int) -> int:
    """The value below which a set thinned to `level` keeps its shingles."""
    return 1 << (BITS - level)
