"""Rows for the tests of `dedup`, and what the two stages make of them."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa

from chatlog.schema import KEY, ROWS
from chatlog.stage import held
from chatlog.stages.dedup import DEDUP, DedupConfig
from chatlog.stages.fingerprint import FINGERPRINT, FingerprintConfig

WORDS = "river stone cloud window letter garden winter market silver bridge candle forest signal harbour violin".split()


def text(seed: int, length: int = 60) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) + str(rng.randint(0, 999)) for _ in range(length))


def row(*turns: str, **fields: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[place % 2], "content": turn} for place, turn in enumerate(turns)], **fields}


def dedup(rows: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    columns = {KEY.name: pa.array(range(len(rows)), KEY.type)}
    for field in ROWS:
        columns[field.name] = pa.array([item.get(field.name) for item in rows], field.type)
    table = pa.table(columns)
    with FINGERPRINT.open(FingerprintConfig()) as function:
        hashed = function(table.select(["messages"]))
    for name in hashed.column_names:
        table = table.append_column(name, hashed[name])
    (made,) = DEDUP.run(DedupConfig(**settings), [held(table)])
    found: list[dict[str, Any]] = made.to_pylist()
    return found


def kinds(found: list[dict[str, Any]]) -> list[tuple[str | None, int | None]]:
    return [(item["duplicate_kind"], item["duplicate_of"]) for item in found]
