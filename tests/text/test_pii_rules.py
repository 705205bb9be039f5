from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from chatlog.text.detect import find_patterns
from chatlog.text.pii_address import find_addresses
from chatlog.text.pii_gazetteer import find_listed_names
from chatlog.text.pii_names import find_names
from chatlog.text.pii_span import join_names, resolve

FIXTURES = Path(__file__).parent / "fixtures"


def cases(name: str) -> list[Any]:
    lines = (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
    return [
        pytest.param(case["input"], case["expected"], id=f"{name}-{i}")
        for i, case in enumerate(map(orjson.loads, lines), 1)
    ]


@pytest.mark.parametrize(("text", "expected"), cases("patterns"))
def test_patterns(text: str, expected: list[list[str]]) -> None:
    assert [[s.type, text[s.start : s.end]] for s in resolve(find_patterns(text))] == expected


@pytest.mark.parametrize(("text", "expected"), cases("names"))
def test_names(text: str, expected: list[str]) -> None:
    spans = join_names(text, resolve([*find_names(text), *find_listed_names(text)]))
    assert [text[s.start : s.end] for s in spans] == expected


@pytest.mark.parametrize(("text", "expected"), cases("addresses"))
def test_addresses(text: str, expected: list[str]) -> None:
    assert [text[s.start : s.end] for s in find_addresses(text)] == expected
