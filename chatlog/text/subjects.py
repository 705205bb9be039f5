"""What people ask chat models about: a catalogue of subjects in plain English, by field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

FILE: Final = "subjects.txt"


@dataclass(frozen=True)
class Subject:
    """A subject of questions.

    Attributes:
        title: what a topic of it is called.
        field: the broader title that it stands under.
        part: the field's name in a list of several.
        text: the title and what is typical of it, which its vector is made of.
    """

    title: str
    field: str
    part: str
    text: str


@cache
def subjects() -> tuple[Subject, ...]:
    """The catalogue, in the order of its file."""
    found: list[Subject] = []
    field = part = ""
    for line in files("chatlog.text").joinpath(FILE).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            field, _, part = line.strip("[]").partition(": ")
        elif line and not line.startswith("#"):
            found.append(Subject(line.partition(":")[0], field, part, line))
    return tuple(found)
