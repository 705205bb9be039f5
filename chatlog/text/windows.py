"""The pieces of a text that a named-entity recogniser is given: English sentences where a name could be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import regex

from chatlog.text.english import leaning
from chatlog.text.pii_gazetteer import NOT_NAMES, is_common, is_family, is_given
from chatlog.text.pii_names import is_code_name
from chatlog.text.pii_span import Span
from chatlog.text.prose import outside_code

_LINE: Final = regex.compile(r"[^\n\r]+")
_SENTENCE: Final = regex.compile(
    r"(?:[^.!?]|[.!?](?!\s)|(?<=(?<!\p{L})(?:\p{L}|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|Hon|Rev|Gen|Col|Lt|Capt|Sgt|No))\.)++[.!?]*[\s\"')\]]*"
)
_CAPITALISED: Final = regex.compile(r"(?<![\p{L}\d'’_-])\p{Lu}(?:['’]\p{Lu})?\p{L}*\p{Ll}[\p{L}'’-]*")
_LOWER: Final = regex.compile(r"(?<!\p{L})\p{Ll}{2,}")
_ANYTHING: Final = regex.compile(r"[\p{Lu}\d]")
_FOREIGN: Final = regex.compile(r"[^\p{Latin}\p{Common}\p{Inherited}\p{Greek}]")
"""Letters of scripts beside which the model takes whole clauses for a person."""
_FORMAL: Final = regex.compile(r"^\s*[|$\\]|\\(?:begin|end|frac|sum|int)\b|\|.*\|.*\|")
"""Lines of tables and formulas."""

_CONTEXT: Final = 60
"""Characters on either side of what could be a name that the model is given of a long sentence."""
_LONG: Final = 160
"""Characters of a sentence beyond which it is long."""

LONGEST: Final = 1000
"""Characters of a sentence beyond which it is cut."""


_CASELESS: Final = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Arabic}\p{Hebrew}\p{Devanagari}\p{Bengali}\p{Tamil}\p{Telugu}\p{Thai}"
    r"\p{Georgian}\p{Kannada}\p{Malayalam}\p{Gujarati}\p{Gurmukhi}\p{Sinhala}\p{Khmer}\p{Lao}\p{Myanmar}\p{Ethiopic}]"
)
_STOPS: Final = regex.compile(r"(?<=[.!?]\s)|(?<=[。！？।؟])")


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The `(offset, sentence)` of sentences in any language, outside code, tables and formulas, that could hold a name.

    They hold a capitalised word, or a letter of a script without capitals.
    """
    for start, end in outside_code(text):
        for line in _LINE.finditer(text, start, end):
            if _FORMAL.search(line[0]):
                continue
            at = line.start()
            for piece in _STOPS.split(line[0]):
                if _CAPITALISED.search(piece) or _CASELESS.search(piece):
                    yield from _cut(at, piece.rstrip())
                at += len(piece)


def windows(text: str, spans: Sequence[Span] = (), wide: bool = False) -> Iterator[tuple[int, str]]:
    """The `(offset, sentence)` of sentences outside code, tables and formulas where a name could stand.

    Lines in another language than English are left out: the model knows English alone, and takes
    every German noun for a person. A sentence without a capitalised word that could be a name is
    left out too, which spares most of a chat's sentences.

    Args:
        text: what is read.
        spans: what was found in it already; what they cover needs no model.
        wide: whether every English sentence is wanted that has a capital or a digit.
    """
    if _CAPITALISED.search(text) is None and not wide:
        return
    found = sorted((span.start, span.end) for span in spans)
    lower: set[str] | None = None
    tilt: int | None = None
    for start, end in outside_code(text):
        for line in _LINE.finditer(text, start, end):
            if (_CAPITALISED.search(line[0]) is None and not wide) or _FORMAL.search(line[0]):
                continue
            if lower is None:
                lower = set(_LOWER.findall(text))
            wanted: list[tuple[int, str]] = []
            for sentence in _SENTENCE.finditer(line[0]):
                at = line.start() + sentence.start()
                if wide and _ANYTHING.search(sentence[0]):
                    wanted.append((at, sentence[0].rstrip()))
                else:
                    wanted += _around(at, sentence[0].rstrip(), _candidates(sentence[0], at, found, lower))
            if not wanted or leaning(line[0]) < 0:
                continue
            if tilt is None:
                tilt = leaning(text)
            if tilt < 0:
                return
            for at, piece in wanted:
                if _FOREIGN.search(piece) is None:
                    yield from _cut(at, piece)


def _candidates(
    sentence: str, offset: int, found: Sequence[tuple[int, int]], lower: AbstractSet[str]
) -> Iterator[tuple[int, int]]:
    """Where in the sentence capitalised words stand that could be names and are not found yet.

    A word is none where it stands at the beginning and no list knows it, where it is an ordinary word by the
    list or by the text itself, which has it in lower case too, or where it was found.
    """
    begin = True
    for match in _CAPITALISED.finditer(sentence):
        word = match[0].lower().removesuffix("'s").removesuffix("’s")
        initial = begin and not sentence[: match.start()].strip(" \"'“”‘’([*#>-–—•0123456789.")
        begin = False
        if word in NOT_NAMES and word not in ("i",):
            continue
        listed = is_given(word) or is_family(word)
        if is_common(word) and (initial or not listed):
            continue
        if not listed and (initial or word in lower or is_code_name(match[0])):
            continue
        start, end = offset + match.start(), offset + match.start() + len(word)
        at = bisect_right(found, (start, len(sentence) + offset)) - 1
        if at >= 0 and found[at][1] >= end:
            continue
        yield match.span()


def _around(offset: int, sentence: str, candidates: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """The sentence with its offset, or of a long one the stretches around its candidates; nothing without any.

    The model looks four words to each side.
    """
    begin = end = -1
    for first, last in candidates:
        if len(sentence) <= _LONG:
            yield offset, sentence
            return
        low = max(0, first - _CONTEXT)
        if end < 0:
            begin = low
        elif low > end:
            yield _between_words(offset, sentence, begin, end)
            begin = low
        end = min(len(sentence), last + _CONTEXT)
    if end >= 0:
        yield _between_words(offset, sentence, begin, end)


def _between_words(offset: int, sentence: str, begin: int, end: int) -> tuple[int, str]:
    """The stretch with the words at its ends whole, where they are of usual length."""
    behind = sentence.find(" ", end, end + _CONTEXT)
    end = end if behind < 0 else behind
    begin = 1 + sentence.rfind(" ", max(0, begin - _CONTEXT), begin) or begin
    return offset + begin, sentence[begin:end]


def _cut(offset: int, sentence: str) -> Iterator[tuple[int, str]]:
    for start in range(0, len(sentence), LONGEST):
        yield offset + start, sentence[start : start + LONGEST]
