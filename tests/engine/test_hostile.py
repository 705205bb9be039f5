"""Records made to break ingest: each becomes a row or a reject, and memory stays bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog.engine.run import run
from tests.conftest import conversation, recipe

GOOD = json.dumps(conversation(1)).encode()


def ingested(tmp_path: Path, data: bytes, reader: str = "openai_messages") -> tuple[list[Any], list[Any]]:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    counts = run(recipe([path], (), reader=reader), tmp_path / "run", workers=1).counts
    rows: list[Any] = []
    rejects: list[Any] = []
    for part in sorted((tmp_path / "run" / "ingest").glob("*.parquet")):
        rows += pq.read_table(part).to_pylist()
        rejects += pq.read_table(tmp_path / "run" / "rejects" / part.name).to_pylist()
    assert counts["records"] == len(rows) + len(rejects)
    return rows, rejects


def padded(field: bytes) -> bytes:
    """A record with one more field, as a source writes it."""
    return GOOD[:-1] + b', "x": ' + field + b"}"


ROWS = {
    "nan": (b"NaN", "NaN"),
    "infinity": (b"-Infinity", "-Infinity"),
    "a number past doubles": (b"1e999", "1e999"),
    "2**64": (b"18446744073709551616", "18446744073709551616"),
    "a number of 401 digits": (b"1" + b"0" * 400, "1" + "0" * 400),
    "a number of 5001 digits": (b"1" + b"0" * 5000, "1" + "0" * 5000),
    "a large float": (b"1e300", 1e300),
    "NUL": (b'"a\x00b"', "a\0b"),
    "a lone surrogate": (b'"\\ud800"', "\ufffd"),
    "a lone surrogate for a key": (b'{"\\ud800": 1}', {"\ufffd": 1}),
    "150 levels": (b"[" * 150 + b"]" * 150, None),
    "keys of one name": (b'{"a": 1, "a": 2}', {"a": 2}),
}


@pytest.mark.parametrize("name", ROWS)
def test_an_odd_field_is_kept(tmp_path: Path, name: str) -> None:
    field, expected = ROWS[name]
    (before, row, after), rejects = ingested(tmp_path, b"\n".join([GOOD, padded(field), GOOD]))
    assert rejects == [] and before["meta"] == after["meta"]
    kept = json.loads(row["meta"])["x"]
    assert kept == (expected if expected is not None else json.loads(field))


REJECTS = {
    "cut off": (GOOD[:-9], "truncated_json"),
    "two on a line": (GOOD + GOOD, "not_json"),
    "not UTF-8": (padded(b'"\xff"'), "invalid_utf8"),
    "UTF-16": (GOOD.decode().encode("utf-16-be"), "not_json"),
    "NULs": (b"\0" * 4096, "not_json"),
    "201 levels in meta": (padded(b"[" * 201 + b"]" * 201), "too_deep"),
    "100,000 levels": (padded(b"[" * 100_000 + b"]" * 100_000), "too_deep"),
    "100,000 levels and NaN": (padded(b"[NaN, " + b"[" * 100_000 + b"]" * 100_001), "too_deep"),
    "100,000 levels, never closed": (b'{"messages": ' + b"[" * 100_000, "too_deep"),
    "deep messages": (b'{"messages": [{"role": "user", "content": ' + b"[" * 900 + b"]" * 900 + b"}]}", None),
    "a number": (b"7", "not_an_object"),
    "null": (b"null", "not_an_object"),
}


@pytest.mark.parametrize("name", REJECTS)
def test_what_no_row_can_be_made_of_is_kept_whole(tmp_path: Path, name: str) -> None:
    record, reason = REJECTS[name]
    rows, (reject,) = ingested(tmp_path, b"\n".join([GOOD, record, b"", b" \t", GOOD]))
    assert len(rows) == 2 and reject["raw"] == record and reject["record"] == 1
    assert reason is None or reject["reason"] == reason


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \t\r\n" * 9, b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"], ids=repr)
def test_a_file_without_records_makes_no_row(tmp_path: Path, data: bytes) -> None:
    assert ingested(tmp_path, data) == ([], [])


def test_branches_cannot_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only the bound is lowered, as the real one takes half a gigabyte of text: what counts and refuses is real.
    monkeypatch.setattr("chatlog.engine.ingest._REPEATED", 50_000)
    replies = [{"role": "assistant", "text": str(number), "replies": []} for number in range(100)]
    tree = {"message_tree_id": "t", "prompt": {"role": "prompter", "text": "x" * 1000, "replies": replies}}
    small = {"message_tree_id": "s", "prompt": {"role": "prompter", "text": "x", "replies": replies[:3]}}
    lines = [json.dumps(item).encode() for item in (small, tree)]
    rows, (reject,) = ingested(tmp_path, b"\n".join(lines), "oasst")
    assert len(rows) == 3 and (reject["reason"], reject["raw"]) == ("too_large", lines[1])


MB = 1_000_000
VAST = {
    "a line of 100 MB": (GOOD + b'\n{"messages": "TEXT"}\n' + GOOD + b"\n", 100, 2, 1),
    "a line of 400 MB": (GOOD + b'\n{"messages": "TEXT"}\n' + GOOD + b"\n", 400, 2, 1),
    "an element of 100 MB": (b"[" + GOOD + b',{"messages": "TEXT"},' + GOOD + b"]", 100, 2, 1),
    "an element that never ends": (b"[" + GOOD + b',{"messages": "TEXT', 400, 1, 1),
    "a document of 100 MB": (b'{\n "messages":\n "TEXT"\n}\n', 100, 0, 1),
    "five lines of 70 MB": (b'{"messages": "TEXT"}\n' * 5, 70, 0, 5),
}
"""A file, with how many megabytes in place of TEXT, and the rows and rejects that it makes."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured by /proc")
@pytest.mark.parametrize("name", VAST)
def test_a_vast_record_is_a_reject_in_less_than_1000_mb(tmp_path: Path, name: str) -> None:
    """Peak memory of a process that ingests it, the interpreter and Arrow included."""
    shape, size, rows, rejects = VAST[name]
    with (tmp_path / "a.jsonl").open("wb") as stream:
        for number, part in enumerate(shape.split(b"TEXT")):
            for _ in range(size if number else 0):
                stream.write(b"x" * MB)
            stream.write(part)
    code = (
        "from pathlib import Path; from chatlog import run; from tests.conftest import recipe; "
        f"s = run(recipe([Path({str(tmp_path / 'a.jsonl')!r})], ()), {str(tmp_path / 'run')!r}, workers=1); "
        "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]; "
        "print(peak, s.counts['rows'], s.counts['rejects'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peak, *counts = (int(word) for word in done.stdout.split())
    assert counts == [rows, rejects]
    assert peak / 1024 < 1000, f"{peak / 1024:.0f} MB"
    (tmp_path / "a.jsonl").unlink()
