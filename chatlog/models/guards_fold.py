"""What a tokenizer's normaliser makes of a text at most: compatibility forms, marks and invisible characters gone."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_KEPT: Final = 1 << 16
"""Characters whose folding is remembered: more than any text uses, less than a hostile one could."""

_BREAKS: Final = "\v\f\x1c\x1d\x1e\x85"
# Line breaks to some readers, and nothing to the normalisers of BERT and T5.

_BLANK: Final = frozenset("�\u115f\u1160\u3164\uffa0")
# BERT's normaliser drops the first; the others are letters without a shape.

_HIDING: Final = re.compile(r"[^\t\n\r -~]")

RARE: Final = re.compile(f"[{_BREAKS}]")
"""Characters that `folded` may read in two ways."""


class _Folds(dict[int, str]):
    """For `str.translate`: each character's folding, found when it is first met."""

    def __init__(self, breaks: str) -> None:
        super().__init__()
        self._breaks = breaks

    def __missing__(self, code: int) -> str:
        found = self._breaks if chr(code) in _BREAKS else _fold(chr(code))
        if len(self) < _KEPT:
            self[code] = found
        return found


_DROPPED: Final = _Folds("")
_BROKEN: Final = _Folds("\n")


def folded(text: str, breaks: bool = False) -> str:
    """The text under NFKD, without marks, control, format and unassigned characters; the same object where it is plain.

    More is dropped than any one normaliser drops (NFC, NFKC, BERT's, sentencepiece's nmt_nfkc): what is no token in
    the folded text, in any case of letters, is none after theirs.

    Args:
        text: any.
        breaks: whether vertical tabs, form feeds and their like are line breaks; otherwise they are dropped.
    """
    if not _HIDING.search(text):
        return text
    return text.translate(_BROKEN if breaks else _DROPPED)


def origins(text: str, places: list[int], breaks: bool = False) -> list[int]:
    """For places in `folded(text)`, in order, the places in `text` of the characters that they come from."""
    if not _HIDING.search(text):
        return places
    table = _BROKEN if breaks else _DROPPED
    found: list[int] = []
    wanted = iter(places)
    place = next(wanted, -1)
    reached = 0
    for index, character in enumerate(text):
        reached += len(table[ord(character)])
        while 0 <= place < reached:
            found.append(index)
            place = next(wanted, -1)
    return found


def _fold(character: str) -> str:
    if character in "\t\n\r":
        return character
    if character in _BLANK:
        return ""
    return "".join(one for one in unicodedata.normalize("NFKD", character) if unicodedata.category(one)[0] not in "MC")
