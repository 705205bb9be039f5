"""What tests of formats share: rows of a release, and battles to release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from chatlog import run
from chatlog.pipeline import parse
from chatlog.release.export import Release, export
from chatlog.release.verify import verify
from tests.conftest import ROOT, recipe, write_jsonl


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def failed(folder: Path, run_folder: Path | None = None) -> set[str]:
    return {check.name for check in verify(folder, run_folder) if not check.ok}


def said(question: str, answer: str | None) -> list[dict[str, Any]]:
    asked = [{"content": question, "role": "user"}]
    return asked + ([{"content": answer, "role": "assistant"}] if answer is not None else [])


def words(number: int) -> str:
    return " ".join(f"w{(number * 7919 + index * 31) % 99991}" for index in range(20))


def battle(number: int, answers: tuple[str | None, str | None] | None = None, **more: Any) -> dict[str, Any]:
    question = words(number)
    first, second = answers or (words(1000 + number), words(2000 + number))
    return {
        "question_id": f"q{number}",
        "model_a": "tansy-34b",
        "model_b": "quill-2",
        "winner": "model_a",
        "judge": f"arena_user_{number % 3}",
        "conversation_a": said(question, first),
        "conversation_b": said(question, second),
        "turn": 1,
        "anony": True,
        "language": "English",
        "tstamp": 1_682_351_591.12 + number,
        **more,
    }


def released(
    tmp_path: Path, records: list[Any], fields: dict[str, Any] | None = None, reader: str = "arena"
) -> Release:
    logs = write_jsonl(tmp_path / "logs.jsonl", records)
    stages = ["fingerprint", "dedup", {"use": "redact", "names_model": ""}]
    data = dict(recipe([logs], stages, reader=reader).data)
    data["release"] = {
        "select": str(ROOT / "sql/release/arena.sql"),
        "card": str(ROOT / "data_cards/arena.md.j2"),
        "format": "chatbot_arena_conversations",
    } | (fields or {})
    run(parse(data, ROOT), tmp_path / "run", workers=1)
    made = export(tmp_path / "run", tmp_path / "out")
    assert failed(tmp_path / "out", tmp_path / "run") == set()
    return made
