"""Which languages a word can be in, by letters that few alphabets have."""

from __future__ import annotations

from functools import reduce
from importlib.resources import files
from typing import Final

import regex


def _alphabets() -> dict[str, frozenset[str]]:
    owners: dict[str, frozenset[str]] = {}
    text = files("chatlog.text").joinpath("letters.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            letters, *codes = line.split()
            for letter in letters:
                owners[letter] = owners.get(letter, frozenset()) | frozenset(codes)
    return owners


_ALPHABETS: Final = _alphabets()
_MARKED: Final = regex.compile(f"[{''.join(_ALPHABETS)}]")


def possible_languages(line: str) -> frozenset[str] | None:
    """The languages that have all the telling letters of `line`, lower case; None where no letter tells anything.

    Letters that no one language has together, as in a text of two languages, tell nothing.
    """
    if line.isascii():
        return None
    found = set(_MARKED.findall(line))
    if not found:
        return None
    return reduce(frozenset.__and__, (_ALPHABETS[letter] for letter in sorted(found))) or None
