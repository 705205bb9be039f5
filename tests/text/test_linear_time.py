"""Time grows as the text does, whatever it is made of: a message is whatever somebody sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.language import LANGUAGE, LanguageConfig
from chatlog.text.prose import outside_code, prose

LONG = 1 << 20

UNITS = {
    "backticks": "`",
    "tildes": "~",
    "less-than signs": "<",
    "backslashes": "\\",
    "one letter": "a",
    "spaces": " ",
    "dollars": "$",
    "newlines": "\n",
    "fences": "```\n",
    "tilde fences": "~~~\n",
    "fences on one line": "```x ",
    "inline code": "`x` ",
    "placeholders": "A_",
    "addresses": "a@",
    "names": "a.",
    "comments": "<!--",
    "formulas": "\\[",
    "parentheses": "f(",
    "two scripts": "漢a",
}
units = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())


def seconds(function: Callable[[str], object], text: str) -> float:
    """The least of three, so that a busy machine does not count."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        function(text)
        times.append(time.process_time() - begun)
    return min(times)


def assert_linear(function: Callable[[str], object], unit: str, size: int) -> None:
    function(unit * 100)  # tables are made on first use
    quarter = unit * (size // len(unit) // 4)
    # Quadratic work would take 16 times as long; a few milliseconds say nothing of how they grow.
    assert seconds(function, quarter * 4) < 9 * max(seconds(function, quarter), 0.005)


@pytest.fixture(scope="module")
def language() -> Iterator[Callable[[str], object]]:
    with LANGUAGE.open(LanguageConfig()) as batch:
        yield lambda text: batch(_table(text))


def _table(text: str) -> pa.Table:
    turns = [{"role": "user", "content": text, "name": None, "created_at": None}]
    return pa.table([pa.array([turns], MESSAGES)], schema=LANGUAGE.reads)


@units
def test_a_message_of_a_megabyte(unit: str, language: BatchFn) -> None:
    assert_linear(language, unit, LONG)


@units
def test_finding_code_in_a_message_of_a_megabyte(unit: str) -> None:
    assert_linear(outside_code, unit, LONG)


@units
def test_prose_of_the_largest_sample(unit: str) -> None:
    assert_linear(lambda text: prose(text, 100_000), unit, 100_000)
