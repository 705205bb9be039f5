"""The questions of sql/reports/."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatlog.assets import asset
from chatlog.errors import ConfigError
from chatlog.query.summary import keep_decisions, keep_summary

ALSO_ON_RELEASE: Final = "-- Also on a release."


@dataclass(frozen=True)
class Report:
    """A question and the query that answers it.

    Attributes:
        name: of the file, without its ending.
        question: the first comment line.
        columns: names of what is returned, in order.
        sql: the whole file.
        on_release: whether a release's views.sql has what it reads.
    """

    name: str
    question: str
    columns: tuple[str, ...]
    sql: str
    on_release: bool


def reports() -> list[Report]:
    """All questions, by name."""
    return [_read(path) for path in sorted(asset("sql/reports").glob("*.sql"))]


def report(name: str) -> Report:
    """One question.

    Raises:
        ConfigError: there is none of that name.
    """
    found = {one.name: one for one in reports()}
    if name not in found:
        raise ConfigError(f"there is no report {name!r}; list them with: chatlog sql --list")
    return found[name]


def keep_for(root: str | Path, query: str, told: Callable[[str], None] = lambda line: None) -> None:
    """Makes what a query names and a run does not keep yet: summary, decisions, both for the funnel.

    A word in a text or a comment counts too: that costs time once and changes no answer.

    Raises:
        ConfigError: no run.
        DataError: the folder cannot be written, or a part file is damaged.
    """
    named = {word.lower() for word in re.findall(r"\w+", query)}
    if named & {"summary", "funnel"}:
        keep_summary(root, told)
    if named & {"decisions", "funnel"}:
        keep_decisions(root, told)


def _read(path: Path) -> Report:
    text = path.read_text(encoding="utf-8")
    question, columns, *rest = text.splitlines()
    # What a column means stands in brackets behind its name; after the full stop come remarks.
    listed = re.sub(r"\([^)]*\)", "", columns.removeprefix("-- Columns:")).split(".")[0]
    names = tuple(name.strip() for name in listed.split(","))
    return Report(path.stem, question.removeprefix("--").strip(), names, text, ALSO_ON_RELEASE in rest)
