from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from chatlog.text import checksums
from chatlog.text.detect import find_patterns
from chatlog.text.pii_address import find_addresses
from chatlog.text.pii_gazetteer import find_listed_names
from chatlog.text.pii_names import find_names
from chatlog.text.pii_national import COUNTRIES, NATIONAL
from chatlog.text.pii_span import join_names, resolve

FIXTURES = Path(__file__).parent / "fixtures"


def cases(name: str) -> list[Any]:
    lines = (FIXTURES / f"{name}.jsonl").read_bytes().splitlines()
    return [
        pytest.param(case["input"], case["expected"], id=f"{name}-{i}")
        for i, case in enumerate(map(orjson.loads, lines), 1)
    ]


@pytest.mark.parametrize(("text", "expected"), [*cases("patterns"), *cases("patterns_more"), *cases("national_ids")])
def test_patterns(text: str, expected: list[list[str]]) -> None:
    assert [[s.type, text[s.start : s.end]] for s in resolve(find_patterns(text))] == expected


@pytest.mark.parametrize(("text", "expected"), cases("names"))
def test_names(text: str, expected: list[str]) -> None:
    spans = join_names(text, resolve([*find_names(text), *find_listed_names(text)]))
    assert [text[s.start : s.end] for s in spans] == expected


@pytest.mark.parametrize(("text", "expected"), cases("addresses"))
def test_addresses(text: str, expected: list[str]) -> None:
    assert [text[s.start : s.end] for s in find_addresses(text)] == expected


def test_numbers_of_fifty_countries_are_told() -> None:
    assert len(COUNTRIES) >= 50
    told = {rule.name for rule in NATIONAL}
    found = {span.recognizer for case in cases("national_ids") for span in find_patterns(case.values[0])}
    assert told <= found


PUBLISHED = [
    (checksums.hk_id, "E364912(5)"),
    (checksums.hk_id, "AB987654(3)"),
    (checksums.sg_nric, "S1234567D"),
    (checksums.sg_nric, "T1234567J"),
    (checksums.sg_nric, "F1234567N"),
    (checksums.sg_nric, "G1234567X"),
    (checksums.sg_nric, "M1234567K"),
    (checksums.tw_id, "A123456789"),
    (checksums.hu_tax, "8071592153"),
]
"""Specimens that others give as examples: those of the fixtures were made by the checks themselves."""


@pytest.mark.parametrize(("check", "specimen"), PUBLISHED)
def test_checks_of_our_own_agree_with_published_specimens(check: Callable[[str], bool], specimen: str) -> None:
    assert check(specimen)
    digits = [place for place, character in enumerate(specimen[:-1]) if character.isdigit()]
    for place in digits:
        wrong = specimen[:place] + str((int(specimen[place]) + 1) % 10) + specimen[place + 1 :]
        assert not check(wrong)


def test_numbers_at_random_are_seldom_ids() -> None:
    rng = random.Random(5)
    frames = ("The value was {} in total.", '{{"count": {}}}', "x = {} + 1", "row {} of the table", "| {} | 12 |")
    texts = [rng.choice(frames).format(rng.randrange(10 ** rng.randint(5, 17))) for _ in range(10_000)]
    found = [span for text in texts for span in find_patterns(text) if span.type == "NATIONAL_ID"]
    assert len(found) < 0.01 * len(texts)
