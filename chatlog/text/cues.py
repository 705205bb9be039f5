"""The words that announce personal data, from `cues.txt`, as alternatives of a regular expression."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


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
