"""The pieces of a text that a named-entity recogniser is given: English sentences where a name could be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

from chatlog.text.english import leaning
from chatlog.text.pii_gazetteer import NOT_NAMES, is_family, is_given
from chatlog.text.prose import outside_code

_LINE: Final = regex.compile(r"[^\n\r]+")
_SENTENCE: Final = regex.compile(
    r"(?:[^.!?]|[.!?](?!\s)|(?<=(?<!\p{L})(?:\p{L}|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|Hon|Rev|Gen|Col|Lt|Capt|Sgt|No))\.)++[.!?]*[\s\"')\]]*"
)
_CAPITALISED: Final = regex.compile(r"(?<![\p{L}\d'’_-])\p{Lu}(?:['’]\p{Lu})?\p{L}*\p{Ll}[\p{L}'’-]*")
_FOREIGN: Final = regex.compile(r"[^\p{Latin}\p{Common}\p{Inherited}\p{Greek}]")
"""Letters of scripts beside which the model takes whole clauses for a person."""
_FORMAL: Final = regex.compile(r"^\s*[|$\\]|\\(?:begin|end|frac|sum|int)\b|\|.*\|.*\|")
"""Lines of tables and formulas."""

LONGEST: Final = 1000
"""Characters of a sentence beyond which it is cut."""


def windows(text: str) -> Iterator[tuple[int, str]]:
    """The `(offset, sentence)` of sentences outside code, tables and formulas where a name could stand.

    Lines in another language than English are left out: the model knows English alone, and takes
    every German noun for a person. A sentence without a capitalised word that could be a name is
    left out too, which spares most of a chat's sentences.
    """
    tilt = 0 if _CAPITALISED.search(text) is None else leaning(text)
    if tilt < 0:
        return
    for start, end in outside_code(text):
        for line in _LINE.finditer(text, start, end):
            if _CAPITALISED.search(line[0]) is None or _FORMAL.search(line[0]) or leaning(line[0]) < 0:
                continue
            for sentence in _SENTENCE.finditer(line[0]):
                if _FOREIGN.search(sentence[0]) is None and _could_name(sentence[0]):
                    yield from _cut(line.start() + sentence.start(), sentence[0].rstrip())


def _could_name(sentence: str) -> bool:
    """Whether a capitalised word stands elsewhere than at the beginning, or one there is in a list of names."""
    begin = True
    for match in _CAPITALISED.finditer(sentence):
        word = match[0].lower().removesuffix("'s").removesuffix("’s")
        initial = begin and not sentence[: match.start()].strip(" \"'“”‘’([*#>-–—•0123456789.")
        begin = False
        if word in NOT_NAMES and word not in ("i",):
            continue
        if not initial or is_given(word) or is_family(word):
            return True
    return False


def _cut(offset: int, sentence: str) -> Iterator[tuple[int, str]]:
    for start in range(0, len(sentence), LONGEST):
        yield offset + start, sentence[start : start + LONGEST]
