"""The words that announce personal data, from `cues.txt`, as alternatives of a regular expression."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final

import regex


@cache
def _sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in files("chatlog.text").joinpath("cues.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:-1].replace("_", "").isalpha():
            current = sections.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            current.append(line)
    return sections


def cues(section: str) -> str:
    """The section's alternatives joined by `|`, for use in a verbose pattern inside a group.

    Longer ones come first, so that `rue` does not cut `rue du` short; white space matches any.
    """
    lines = sorted(_sections()[section], key=len, reverse=True)
    return "|".join(line.replace(" ", r"\s") for line in lines)


_NO_LITERAL: Final = regex.compile(
    r"(?P<g>\((?:[^()]|(?&g))*\))[?*+]?|\[[^\]]*\][?*+]?|\\p\{\w+\}[?*+]?|\\\w[?*+{]?|.[?*]|[.|\\^$+{},\d]"
)


_CHOICE: Final = regex.compile(r"(?P<lead>[\p{L} ]+ )\(\?:(?P<choice>[^()]+)\)(?P<rest>.*)")
"""A line that begins with words and then one of several: `my (?:kid|son)`."""


def _expanded(line: str) -> Iterator[str]:
    """The line, or each of its alternatives where words and one choice make it."""
    match = _CHOICE.fullmatch(line)
    if match is None or match["rest"][:1] in ("?", "*"):
        yield line
        return
    for choice in match["choice"].split("|"):
        yield match["lead"] + choice


def stems(section: str) -> tuple[str, ...]:
    """Literals in lower case of which a text must hold one for the section to match in it; empty when unsure.

    A substring costs a hundredth of a pattern, so that texts without any are never scanned.
    """
    found = set()
    for line in _sections()[section]:
        for text in _expanded(line):
            # What is no literal is cut out; a space is one, whatever white space stands for it in a text.
            literals = [piece.strip() for piece in _NO_LITERAL.sub("\0", text).lower().split("\0")]
            longest = max(literals, key=len)
            if not longest:
                return ()
            found.add(longest)
    # A stem that holds a shorter one says nothing more.
    return tuple(sorted(stem for stem in found if not any(o != stem and o in stem for o in found)))
