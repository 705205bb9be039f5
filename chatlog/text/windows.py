"""The pieces of a text that a named-entity recogniser is given: lines of prose where a name could be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

from chatlog.text.prose import outside_code

_LINE: Final = regex.compile(r"[^\n\r]+")
_SENTENCE_END: Final = regex.compile(r"[.!?][\"')\]]*\s+")
_CAPITALISED: Final = regex.compile(r"(?<!\p{L})\p{Lu}\p{L}*\p{Ll}")
_WORD: Final = regex.compile(r"(?<!\p{L})\p{Ll}+(?!\p{L})")
_MATHS_OR_TABLE: Final = regex.compile(r"^\s*[|$\\]|\\(?:begin|end|frac|sum|int)\b|\|.*\|.*\|")

WINDOW: Final = 1000
"""Characters of a line beyond which it is cut at a sentence's end."""

_ENGLISH: Final = frozenset(
    "the and of is to with for that you it he she my has have had are by this your his from what who please can was were "
    "will would not be been their they we our there which when at about into how do does did if its".split()
)
_OTHER: Final = frozenset(
    "der die das und ist nicht ein eine ich mit den dem von für auf les est une des je vous pour dans qui pas el los las y que "
    "por con una para su del al se il di che è per non gli sono uma não os com em dos het een van dat niet zijn voor och att "
    "det som på är ikke jeg ved og w nie na się jest z że ve bir bu için da ja že si mi ne yang dan ini itu dengan untuk".split()
)


def windows(text: str) -> Iterator[tuple[int, str]]:
    """The `(offset, piece)` of lines outside code, tables and formulas that hold a capitalised word.

    Lines in another language than English are left out: the model knows English alone, and takes
    every German noun for a person.
    """
    english_text = leaning(text) >= 0
    for start, end in outside_code(text):
        for line in _LINE.finditer(text, start, end):
            if not _CAPITALISED.search(line[0]) or _MATHS_OR_TABLE.search(line[0]):
                continue
            tilt = leaning(line[0])
            if tilt < 0 or (tilt == 0 and not english_text):
                continue
            yield from _cut(line.start(), line[0])


def _cut(offset: int, line: str) -> Iterator[tuple[int, str]]:
    start = 0
    while len(line) - start > WINDOW:
        ends = [match.end() for match in _SENTENCE_END.finditer(line, start + WINDOW // 2, start + WINDOW)]
        end = ends[-1] if ends else start + WINDOW
        yield offset + start, line[start:end]
        start = end
    yield offset + start, line[start:]


def leaning(text: str) -> int:
    """Above zero where the function words are English, below where they are another language's."""
    words = _WORD.findall(text)
    return sum(word in _ENGLISH for word in words) - sum(word in _OTHER for word in words)
