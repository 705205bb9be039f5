"""The words that announce personal data, from `cues.txt`, as alternatives of a regular expression."""

from __future__ import annotations

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


def stems(section: str) -> tuple[str, ...]:
    """Literals in lower case of which a text must hold one for the section to match in it; empty when unsure.

    A substring costs a hundredth of a pattern, so that texts without any are never scanned.
    """
    found = set()
    for line in _sections()[section]:
        literals = _NO_LITERAL.sub(" ", line).lower().split()
        if not literals:
            return ()
        found.add(max(literals, key=len))
    # A stem that holds a shorter one says nothing more.
    return tuple(sorted(stem for stem in found if not any(o != stem and o in stem for o in found)))
