"""What records that are not plain JSON are decoded to, and which are rejects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.sources import reader
from chatlog.sources.decode import decode, decode_exactly
from chatlog.sources.meta import clean
from chatlog.sources.record import REASONS, Reject, Rounded
from chatlog.sources.values import Double


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":', "truncated_json"),
        (b'{"a": "b', "truncated_json"),
        (b"nope", "not_json"),
        (b'{"a": 1}}', "not_json"),
        (b'{"a": "\xff"}', "invalid_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    ],
)
def test_what_cannot_be_decoded_is_a_reject_with_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        decode(raw)
    assert caught.value.reason == reason and reason in REASONS


def test_what_python_writes_and_json_forbids_is_read() -> None:
    assert decode(b'{"a": NaN, "b": -Infinity, "c": "\\ud800x", "d": "tab\there"}') == {
        "a": "NaN",
        "b": "-Infinity",
        "c": "\ufffdx",
        "d": "tab\there",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1" + "0" * 5000, "1" + "0" * 5000),
        ("1" + "0" * 400, "1" + "0" * 400),
        ("1e999", "1e999"),
        ("-1e999", "-1e999"),
        (str(2**64 - 1), 2**64 - 1),
        (str(2**64), str(2**64)),
        (str(-(2**63)), -(2**63)),
        (str(-(2**63) - 1), str(-(2**63) - 1)),
        ("1.5e300", 1.5e300),
    ],
)
def test_a_number_that_64_bits_do_not_hold_is_kept_as_its_digits(text: str, value: Any) -> None:
    found = decode_exactly(f'{{"a": {text}}}'.encode())["a"]
    assert found == value and isinstance(found, str) == isinstance(value, str)


def test_brackets_in_a_text_do_not_nest() -> None:
    assert decode(b'{"a": NaN, "b": "' + b"[" * 2000 + b'"}') == {"a": "NaN", "b": "[" * 2000}


def test_a_key_that_stands_twice_has_its_last_value_however_it_is_decoded() -> None:
    assert decode(b'{"a": 1, "a": 2}') == decode_exactly(b'{"a": 1, "a": 2}') == {"a": 2}


def test_a_reader_asks_for_exact_numbers_only_where_some_were_rounded() -> None:
    record = {"id": 2**70, "messages": [{"role": "user", "content": "hi"}], "seed": 2**65, "big": 1e300}
    chosen = reader("openai_messages")
    with pytest.raises(Rounded):
        chosen.parse(decode(json.dumps(record).encode()), chosen.config())
    (draft,) = chosen.parse(decode_exactly(json.dumps(record).encode()), chosen.config())
    assert (draft.meta["id"], draft.meta["seed"], draft.meta["big"]) == (str(2**70), str(2**65), 1e300)


def test_meta_keeps_what_a_table_holds_and_json_does_not() -> None:
    kept = clean({"a": [float("nan")], "b": float("inf"), "c": float("-inf"), "d": Double(1e300), "e": 2**63})
    assert kept == {"a": ["NaN"], "b": "Infinity", "c": "-Infinity", "d": 1e300, "e": str(2**63)}
    assert type(kept["d"]) is float


@given(
    st.recursive(st.integers(-(2**70), 2**70) | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=5)
)
def test_both_decoders_agree_where_nothing_is_rounded(value: Any) -> None:
    raw = json.dumps(value).encode()

    def floats(value: Any) -> Any:
        if isinstance(value, list):
            return [floats(item) for item in value]
        number = isinstance(value, str) and value.lstrip("-").isdigit()
        return float(value) if number and abs(int(value)) >= 2**63 else value

    if "\\u" not in raw.decode():
        assert floats(decode(raw)) == floats(decode_exactly(raw))
