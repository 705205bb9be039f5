"""Time grows as the text does, whatever it is made of: a message is whatever somebody sent."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pyarrow as pa
import pytest

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.language import LANGUAGE, LanguageConfig
from chatlog.stages.redact import REDACT, RedactConfig
from chatlog.text.prose import outside_code, prose
from chatlog.text.windows import windows

LONG = 1 << 20
Given = TypeVar("Given")

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


def seconds(function: Callable[[Given], object], given: Given) -> float:
    """The least of three without the garbage collector, whose work grows with what other tests left behind."""
    times = []
    gc.disable()
    try:
        for _ in range(3):
            begun = time.process_time()
            function(given)
            times.append(time.process_time() - begun)
    finally:
        gc.enable()
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


PERSONAL = {
    "public figures": "Albert Einstein met Marie Curie. ",
    "names": "My name is Anna Novak, says Peter Brown. ",
    "cues far apart": "x" * 500 + " my password is ",
    "addresses": "lives at 12 Oak Street, Springfield, IL 62701; ",
    "numbers": "12 345 6789-01 ",
    "mails": "ada@novak.example ",
    "lookalikes": "\u0430lice@ex\u0430mple.com ",
}


@pytest.fixture(scope="module")
def redact() -> Iterator[Callable[[str], object]]:
    with REDACT.open(RedactConfig(names_model="")) as batch:
        yield lambda text: batch(_table(text).append_column("system", pa.nulls(1, pa.string())))


@pytest.mark.parametrize("unit", PERSONAL.values(), ids=PERSONAL.keys())
def test_redacting_a_long_message(unit: str, redact: Callable[[str], object]) -> None:
    assert_linear(redact, unit, LONG >> 3)


@units
def test_redacting_a_message_of_signs(unit: str, redact: Callable[[str], object]) -> None:
    assert_linear(redact, unit, LONG >> 3)


@pytest.mark.parametrize("unit", [*PERSONAL.values(), *UNITS.values(), "Zorba." + "x" * 200, "Zorba " + "x " * 100])
def test_choosing_what_the_names_model_reads(unit: str) -> None:
    assert_linear(lambda text: list(windows(text)), unit, LONG >> 2)


def test_redacting_many_namesakes(redact: Callable[[str], object]) -> None:
    def names(count: int) -> str:
        return " ".join(
            f"Anna {chr(65 + n % 26)}{'abcdefghij'[n // 26 % 10]}{'klmnoprstu'[n // 260 % 10]}son,"
            for n in range(count)
        )

    assert seconds(redact, names(2_000)) < 9 * max(seconds(redact, names(500)), 0.005)


def test_redacting_many_turns() -> None:
    def table(turns: int) -> pa.Table:
        row = [{"role": "user", "content": ("what is your name?", "maria")[n % 2]} for n in range(turns)]
        return pa.table([pa.array([row], MESSAGES), pa.nulls(1, pa.string())], schema=REDACT.reads)

    with REDACT.open(RedactConfig(names_model="")) as batch:
        few, many = table(1_000), table(4_000)
        batch(few)  # tables are made on first use
        assert seconds(batch, many) < 9 * max(seconds(batch, few), 0.02)
