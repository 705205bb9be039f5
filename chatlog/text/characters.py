"""What each character of many texts is, looked up for all of them at once.

A regular expression that names scripts or categories costs more a text than the model that reads
it afterwards; an array of code points, looked up in a table, costs a few nanoseconds a character.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from chatlog.text.scripts import RUNS, SCRIPTS, fold_kana, weigh

_TOP: Final = 0x32400
"""Code points from here on are no letters; they are looked up as this one is, and count as noise."""

_NOISE: Final = regex.compile(r"[\p{N}\p{S}\p{Co}\p{Cn}_*#|~/\\=+<>\[\](){}\"“”„«»:;•·–—\s-]+")
_WORD: Final = regex.compile(r"\w+")
_PIECE: Final = 1 << 18
"""Characters that are looked up at once: a few such arrays stay in a processor's cache."""

_PLAIN: Final = 0
_BLANK: Final = 1
_LETTER: Final = 2

Codes = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]


class Line(NamedTuple):
    """A text on one line.

    Attributes:
        words: without digits, symbols and emoji, with single spaces.
        weights: the weighted letters of it by script, as of `script_weights`.
    """

    words: str
    weights: dict[str, float]


class _Tables(NamedTuple):
    """By code point: `_PLAIN`, `_BLANK` or `_LETTER`; the script, 1 more than its place in SCRIPTS, 0 for none."""

    kind: Bytes
    script: Bytes


@cache
def _tables() -> _Tables:
    kind, script = np.zeros(_TOP + 1, dtype=np.uint8), np.zeros(_TOP + 1, dtype=np.uint8)
    everything = "".join(" " if 0xD800 <= code < 0xE000 else chr(code) for code in range(_TOP))
    for pattern, value in ((_WORD, _LETTER), (_NOISE, _BLANK)):  # a digit is both, and noise
        for match in pattern.finditer(everything):
            kind[match.start() : match.end()] = value
    kind[0xD800:0xE000] = _PLAIN
    kind[_TOP] = _BLANK
    for match in RUNS.finditer(everything):
        script[match.start() : match.end()] = 1 + SCRIPTS.index(match.lastgroup or "")
    return _Tables(kind, script)


def clean(texts: Sequence[str]) -> list[Line]:
    """The texts as lines of words, in order, with the letters that each holds by script.

    Digits, symbols, emoji and brackets become spaces; a letter that is repeated more than three
    times stands three times.
    """
    return [line for piece in _pieces(texts) for line in _clean(piece)]


def _pieces(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, 0
    for place, text in enumerate(texts):
        size += len(text) + 1
        if size > _PIECE and place > start:
            yield texts[start:place]
            start, size = place, len(text) + 1
    if start < len(texts):
        yield texts[start:]


def _clean(texts: Sequence[str]) -> Iterator[Line]:
    tables = _tables()
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    line_ends = np.cumsum(lengths + 1) - 1
    joined = "\n".join(texts) + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").copy()
    kind = tables.kind[np.minimum(codes, _TOP)]
    blank = kind == _BLANK
    codes[blank] = 32
    codes[line_ends] = 10
    same = np.zeros(codes.size, dtype=bool)
    np.equal(codes[1:], codes[:-1], out=same[1:])
    keep = ~(blank & same)
    same &= kind == _LETTER
    keep[3:] &= ~(same[3:] & same[2:-1] & same[1:-2])
    keep[line_ends] = True
    codes = codes[keep]
    lines = codes.tobytes().decode("utf-32-le", "surrogatepass").split("\n")
    line_of = np.cumsum(codes == 10)
    script = tables.script[np.minimum(codes, _TOP)]
    width = len(SCRIPTS) + 1
    counts = np.bincount(line_of * width + script, minlength=len(texts) * width)[: len(texts) * width]
    table = counts.reshape(len(texts), width)[:, 1:]
    rows, columns = np.nonzero(table)
    weights: list[dict[str, float]] = [{} for _ in texts]
    for row, column, count in zip(rows.tolist(), columns.tolist(), table[rows, columns].tolist(), strict=True):
        code = SCRIPTS[column]
        weights[row][code] = weigh(code, count)
    for words, found in zip(lines, weights, strict=False):
        yield Line(words.strip(), fold_kana(found) if "Kana" in found else found)
