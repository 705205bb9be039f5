"""A few thousand mutated records, the same ones every time; `make fuzz` goes on from there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.ingesting import ingest
from tests.fuzz.mutation import NAMES, damaged_file


@pytest.mark.parametrize("name", [*NAMES, "auto"])
def test_mutated_records_become_rows_or_rejects(tmp_path: Path, name: str) -> None:
    rng = random.Random(f"chatlog {name}")
    told = [0, 0, 0]
    for _ in range(8):
        seed = rng.choice(NAMES) if name == "auto" else name
        data, _ = damaged_file(rng, seed, 25)
        found = ingest(tmp_path, name, data, shard_rows=rng.choice([30, 20_000]))
        told = [sum(pair) for pair in zip(told, found, strict=True)]
    records, rows, rejects = told
    assert records == rows + rejects and rows >= 5 and rejects >= 5
