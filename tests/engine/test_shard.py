"""One unit of work: what it promises when a stage breaks its own promise, or is interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.engine.shard import Unit, run_unit
from chatlog.errors import ContractError
from chatlog.stage import BatchFn, Config, Stage
from tests.conftest import conversation, recipe, write_jsonl

WRITES = pa.schema([pa.field("length", pa.int64())])
SECRET = "w7919"


def stage(function: Callable[[pa.Table], pa.Table], checkpoint_rows: int | None = None) -> Stage:
    @contextmanager
    def opened(_: Any) -> Iterator[BatchFn]:
        yield function

    reads = pa.schema([pa.field("conversation_id", pa.string())])
    return Stage("length", 1, Config, reads, WRITES, opened, checkpoint_rows=checkpoint_rows)


def lengths(batch: pa.Table) -> pa.Table:
    return pa.table({"length": pa.array([len(name) for name in batch["conversation_id"].to_pylist()], pa.int64())})


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(number) for number in range(25)])
    run(recipe([logs], ["fingerprint", "dedup"]), tmp_path / "run", workers=1)
    inputs = {"conversation_id": "ingest"}
    return Unit(str(tmp_path / "run"), "length", {}, 0, inputs, None, "f" * 64)


def test_a_part_holds_the_key_and_the_declared_columns(unit: Unit) -> None:
    sidecar = run_unit(unit, stage(lengths), lengths)
    table = pq.read_table(Path(unit.root) / "length" / "part-00000.parquet")
    assert table.column_names == ["row_id", "length"] and table["length"].to_pylist() == [2] * 10 + [3] * 15
    assert sidecar["rows"] == 25 and sidecar["nulls"] == {"length": 0} and sidecar["fingerprint"] == unit.fingerprint


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda batch: lengths(batch).slice(1), "returned 24 rows for 25"),
        (lambda batch: batch, "did not return its column length"),
        (lambda batch: pa.table({"length": ["x"] * batch.num_rows}), "as string, it declares int64"),
    ],
)
def test_a_stage_that_returns_something_else_is_caught(
    unit: Unit, broken: Callable[[pa.Table], pa.Table], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        run_unit(unit, stage(broken), broken)
    assert not list((Path(unit.root) / "length").glob("part-*"))


def test_a_failing_stage_is_told_by_place_and_not_by_text(unit: Unit) -> None:
    def fails(batch: pa.Table) -> pa.Table:
        raise ValueError(f"cannot understand {batch['conversation_id'][0]} {SECRET}")

    with pytest.raises(ContractError) as caught:
        run_unit(unit, stage(fails), fails)
    assert SECRET not in str(caught.value) and caught.value.__cause__ is None
    assert "ValueError at test_shard.py" in str(caught.value) and "shard 0" in str(caught.value)


def test_an_interrupted_shard_goes_on_at_its_last_piece(unit: Unit) -> None:
    calls: list[int] = []

    def dies_at_the_third(batch: pa.Table) -> pa.Table:
        calls.append(batch.num_rows)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return lengths(batch)

    with pytest.raises(KeyboardInterrupt):
        run_unit(unit, stage(dies_at_the_third, checkpoint_rows=10), dies_at_the_third)
    assert calls == [10, 10, 5]
    again: list[int] = []

    def counts(batch: pa.Table) -> pa.Table:
        again.append(batch.num_rows)
        return lengths(batch)

    folder = Path(unit.root) / "length"
    run_unit(unit, stage(counts, checkpoint_rows=10), counts)
    assert again == [5]
    whole = (folder / "part-00000.parquet").read_bytes()
    assert not (folder / "part-00000.work").exists()
    run_unit(unit, stage(lengths), lengths)
    assert (folder / "part-00000.parquet").read_bytes() == whole


def test_pieces_of_other_work_are_not_taken(unit: Unit) -> None:
    def dies(batch: pa.Table) -> pa.Table:
        if batch["conversation_id"][0].as_py() != "c0":
            raise KeyboardInterrupt
        return pa.table({"length": pa.array([-1] * batch.num_rows, pa.int64())})

    with pytest.raises(KeyboardInterrupt):
        run_unit(unit, stage(dies, checkpoint_rows=10), dies)
    other = Unit(**{**unit.__dict__, "fingerprint": "0" * 64})
    run_unit(other, stage(lengths, checkpoint_rows=10), lengths)
    table = pq.read_table(Path(unit.root) / "length" / "part-00000.parquet")
    assert min(table["length"].to_pylist()) == 2


def test_a_sidecar_is_removed_before_its_part_is_remade(unit: Unit) -> None:
    run_unit(unit, stage(lengths), lengths)
    sidecar = Path(unit.root) / "length" / "part-00000.json"
    seen: list[bool] = []

    def looks(batch: pa.Table) -> pa.Table:
        seen.append(sidecar.exists())
        return lengths(batch)

    run_unit(unit, stage(looks), looks)
    assert seen == [False] and json.loads(sidecar.read_text())["rows"] == 25
