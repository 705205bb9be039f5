from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.redact import REDACT, RedactConfig

PIECES = [
    "my name is Ada Novak", "Ada", "NAME_1", "Novak's", "ada@novak.example", "EMAIL_2", "+1 415 555 2671", "PHONE_1",
    "415-555-2671", "4111 1111 1111 1111", "123-45-6789", "192.0.2.7", "DOB: 1990-01-02", "password: hunter2!",
    "12 Oak Street, Springfield, IL 62701", "Calle Mayor, 3", "lives at", "SECRET_1", "sk-abcdefghijklmnopqrstuvwx",
    "Dr.", "Mr. Smith", "@ada_1990", "\u200b", "４１５", "我叫王小明。",
    "меня зовут Иван Петров", "iban GB82WEST12345698765432",
    "```\nx = 'ada@novak.example'\n```", "_", "1", "a", ":", "\n", " ", "'s", "ADDRESS_1", "Suite 5", "MRN-123456", "x",
]  # fmt: skip


@pytest.fixture(scope="module")
def batch() -> Iterator[BatchFn]:
    with REDACT.open(RedactConfig(names_model="")) as fn:
        yield fn


def redact(batch: BatchFn, texts: list[str]) -> list[str]:
    messages = [[{"role": "user", "content": text, "name": None, "created_at": None} for text in texts]]
    table = pa.table([pa.array(messages, MESSAGES), pa.nulls(1, pa.string())], schema=REDACT.reads)
    return [turn["content"] for turn in batch(table).column("messages").to_pylist()[0]]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join), min_size=1, max_size=3), st.booleans())
def test_redacting_twice_changes_nothing(batch: BatchFn, texts: list[str], tight: bool) -> None:
    given_texts = [text.replace(" ", "") for text in texts] if tight else texts
    once = redact(batch, given_texts)
    assert redact(batch, once) == once


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=80), min_size=1, max_size=2))
def test_any_text_passes(batch: BatchFn, texts: list[str]) -> None:
    once = redact(batch, texts)
    assert redact(batch, once) == once
