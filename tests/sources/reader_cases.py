"""Drafts as plain values, so that fixtures can tell what a reader should make of a record."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from chatlog.sources import Draft, Reader, Reject

FIXTURES = Path(__file__).parent / "fixtures"


def plain(draft: Draft) -> dict[str, Any]:
    """The draft's fields that are not at their default; a turn is [role, content(, name, created_at)]."""
    told: dict[str, Any] = {}
    for item in fields(Draft):
        value = getattr(draft, item.name)
        if item.name == "messages":
            told["messages"] = [list(turn[:2]) if turn[2:] == (None, None) else list(turn) for turn in value]
        elif value not in (None, False, {}):
            told[item.name] = value
    return told


def outcome(reader: Reader, case: dict[str, Any]) -> Any:
    """What the reader makes of a fixture's input: drafts, or the reason of the reject."""
    config = reader.config.model_validate(case.get("config", {}))
    try:
        return [plain(draft) for draft in reader.parse(case["input"], config)]
    except Reject as reject:
        return reject.reason


def cases(name: str) -> list[dict[str, Any]]:
    """The fixtures of a reader."""
    return [orjson.loads(line) for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines() if line.strip()]


def leaves(value: Any) -> list[Any]:
    """Every string and number in a JSON value, at any depth."""
    found: list[Any] = []
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            stack.extend(node)
        elif node is not None and node != "" and not isinstance(node, bool):
            found.append(node)
    return found
