"""What the engine gives a stage beside its columns: the run's key, and columns that it can do without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog.engine.run import run
from chatlog.engine.userkey import VARIABLE
from tests.conftest import conversation, recipe, write_jsonl


def logs(folder: Path, words: str, users: int) -> Path:
    records = [conversation(number, words=words) | {"user": f"u{number % users}"} for number in range(6)]
    return write_jsonl(folder / "logs.jsonl", records)


def redacted(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "redact" / "part-00000.parquet").to_pylist()
    return rows


def placeholders(out: Path) -> list[str]:
    return [span["placeholder"] for row in redacted(out) for span in row["pii"] if span["type"] == "EMAIL_ADDRESS"]


def test_hashes_are_made_under_the_key_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = recipe(
        [logs(tmp_path, "mail ada@novak.example", 6)], [{"use": "redact", "names_model": "", "email_address": "hash"}]
    )
    told = []
    for name, key, workers in (
        ("a", "0123456789abcdef", 1),
        ("b", "0123456789abcdef", 2),
        ("c", "another key of the run", 1),
    ):
        monkeypatch.setenv(VARIABLE, key)
        run(pipeline, tmp_path / name, workers=workers)
        found = placeholders(tmp_path / name)
        assert len(found) == 6 and len(set(found)) == 1
        told.append(found[0])
    assert told[0] == told[1] != told[2]
    assert told[0].startswith("EMAIL_") and len(told[0]) == len("EMAIL_") + 16


def test_names_of_many_users_stay_where_fame_was_told_and_only_there(tmp_path: Path) -> None:
    words = "I read about Maria Lopez today."
    redact = {"use": "redact", "names_model": ""}
    for name, users, stages, stays in (
        ("many", 6, ["names", {"use": "fame", "users": 5}, redact], True),
        ("few", 5, ["names", {"use": "fame", "users": 5}, redact], False),
        ("without", 6, [redact], False),
    ):
        run(recipe([logs(tmp_path, words, users)], stages, name=name), tmp_path / name, workers=1)
        shown = [row["messages"][0]["content"] for row in redacted(tmp_path / name)]
        assert all(("Maria Lopez" in text) is stays for text in shown), name
