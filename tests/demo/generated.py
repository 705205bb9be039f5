"""Generated logs, decoded for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from chatlog.demo.generator import GenerationSummary


@dataclass
class Logs:
    summary: GenerationSummary
    truth: list[dict[str, Any]]
    records: dict[str, list[Any]]  # decoded records by file name; None where decoding failed

    def dialogue(self, row: dict[str, Any]) -> list[str | None]:
        """The contents that a row of truth speaks of, system prompts left out."""
        record = self.records[row["file"]][row["record"]]
        if "state" in record or "states" in record:
            states = record.get("states") or [record["state"]]
            state = next(state for state in states if state["conv_id"] == row["conversation_id"])
            return [content for _, content in state["messages"]]
        if "messages" in record:
            turns = [turn for turn in record["messages"] if turn["role"] not in ("system", "developer")]
            assert record["chat_id"] == row["conversation_id"]
            return [turn["content"] for turn in turns]
        if "conversations" in record:
            assert record["id"] == row["conversation_id"]
            return [turn["value"] for turn in record["conversations"]]
        assert record["conversation_hash"] == row["conversation_id"]
        return [turn["content"] for turn in record["conversation"]]


def decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None


def read(path: Path) -> list[Any]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.name.startswith("sharegpt"):
        return json.loads(path.read_text("utf-8"))
    return [decoded(line) for line in path.read_bytes().split(b"\n") if line.strip()]


def load(summary: GenerationSummary) -> Logs:
    truth = [json.loads(line) for line in summary.truth.read_text("utf-8").splitlines()]
    records = {path.name: read(path) for paths in summary.paths.values() for path in paths}
    return Logs(summary, truth, records)


def good(logs: Logs) -> list[dict[str, Any]]:
    return [row for row in logs.truth if not row["broken"]]
