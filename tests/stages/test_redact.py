from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.redact import REDACT, RedactConfig

Turns = list[tuple[str, str | None]]


@pytest.fixture(scope="module")
def batch() -> Iterator[BatchFn]:
    with REDACT.open(RedactConfig(names_model="")) as fn:
        yield fn


def table(*rows: tuple[str | None, Turns | None]) -> pa.Table:
    messages = [
        None if turns is None else [{"role": r, "content": c, "name": None, "created_at": None} for r, c in turns]
        for _, turns in rows
    ]
    return pa.table([pa.array(messages, MESSAGES), pa.array([s for s, _ in rows], pa.string())], schema=REDACT.reads)


def contents(row: dict[str, Any]) -> list[str | None]:
    return [turn["content"] for turn in row["messages"]]


def test_one_entity_has_one_placeholder_across_the_conversation(batch: BatchFn) -> None:
    out = batch(
        table(
            (
                "You serve Ms. Ada Novak.",
                [
                    ("user", "My name is Ada Novak, write to ada@novak.example or ADA@novak.example."),
                    ("assistant", "Done, Ada's mail is ada@novak.example; Novak will get it."),
                ],
            )
        )
    ).to_pylist()[0]
    assert out["system"] == "You serve NAME_1."
    assert contents(out) == [
        "My name is NAME_1, write to EMAIL_1 or EMAIL_1.",
        "Done, NAME_1's mail is EMAIL_1; NAME_1 will get it.",
    ]
    assert out["redacted"] is True
    assert [s["message"] for s in out["pii"]] == [-1, 0, 0, 0, 1, 1, 1]


def test_offsets_are_code_points_of_the_text_before(batch: BatchFn) -> None:
    text = "🙂 mail: ada@novak.example, server ２０３．０．１１３．７ и SSN 219-09-9999"
    spans = batch(table((None, [("user", text)]))).to_pylist()[0]["pii"]
    assert [text[s["start"] : s["end"]] for s in spans] == [
        "ada@novak.example",
        "２０３．０．１１３．７",
        "219-09-9999",
    ]


def test_null_rows_and_messages_pass(batch: BatchFn) -> None:
    rows = batch(table((None, None), ("", []), (None, [("user", None), ("assistant", "")]))).to_pylist()
    assert [row["redacted"] for row in rows] == [False] * 3
    assert rows[2]["messages"][0]["content"] is None
    assert rows[0]["messages"] is None
    assert batch(table().slice(0, 0)).schema == REDACT.writes


def test_numbers_start_anew_in_each_conversation_and_after_those_present(batch: BatchFn) -> None:
    a = table((None, [("user", "call +1 415-555-2671")]))
    b = table((None, [("user", "PHONE_4 said: call +1 415-555-2672")]))
    both = batch(pa.concat_tables([a, b]))
    assert both.to_pylist() == batch(a).to_pylist() + batch(b).to_pylist()
    assert [contents(row)[0] for row in both.to_pylist()] == ["call PHONE_1", "PHONE_4 said: call PHONE_5"]


def test_kept_types_stay_and_are_told() -> None:
    with REDACT.open(RedactConfig(names_model="", email_address="keep")) as fn:
        row = fn(table((None, [("user", "ada@novak.example")]))).to_pylist()[0]
    assert contents(row) == ["ada@novak.example"]
    assert row["redacted"] is False
    assert [(s["type"], s["placeholder"]) for s in row["pii"]] == [("EMAIL_ADDRESS", None)]
