"""A global stage: every shard in one go."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import pyarrow as pa

from chatlog.engine.identity import column_digests
from chatlog.engine.shard import Unit, check_output, picked_rows, scatter, seal, told_without_text, write_part
from chatlog.engine.store import Run, read_columns, write_table
from chatlog.errors import ContractError
from chatlog.pipeline import PlannedStep
from chatlog.schema import KEY
from chatlog.stage import GlobalStage


class _Tables:
    """A stage's tables, and what its generator returns at the end."""

    def __init__(self, tables: Iterator[pa.Table]) -> None:
        # A stage that is a generator may return its side tables; a plain iterator returns nothing.
        self.tables = cast("Generator[pa.Table, None, Mapping[str, pa.Table] | None]", tables)
        self.side: Mapping[str, pa.Table] = {}

    def __iter__(self) -> Iterator[pa.Table]:
        self.side = (yield from self.tables) or {}


def run_global(run: Run, step: PlannedStep, units: Sequence[Unit]) -> Iterator[dict[str, Any]]:
    """Makes every shard of a global stage; its sidecars, in order.

    The parts are written as they come and sealed at the end, since the stage reruns whole.

    Raises:
        ContractError: the stage broke its promise.
    """
    stage, where = step.step.stage, step.step.where
    assert isinstance(stage, GlobalStage)
    begun = time.monotonic()
    for unit in units:
        run.forget(stage.name, unit.shard)
    readers = [partial(_read, run, unit.shard, step) for unit in units]
    with told_without_text(stage.name, 0):
        tables = _Tables(stage.run(step.step.config, readers))
    each = iter(tables)
    sidecars = []
    for unit in units:
        with told_without_text(stage.name, unit.shard):
            made = next(each, None)
        if made is None:
            raise ContractError(f"stage {stage.name} yielded {unit.shard} tables for {len(units)} shards")
        table = read_columns(run, unit.shard, {where: step.inputs[where]} if where else {})
        picked = picked_rows(table, where)
        check_output(stage.name, made, stage.writes, table.num_rows if picked is None else len(picked))
        whole = scatter(made.select(stage.writes.names), picked, table.num_rows)
        sidecar = write_part(run, stage.name, stage.version, unit, table[KEY.name], whole, begun)
        sidecars.append(sidecar | {"columns": column_digests(whole)})
        begun = time.monotonic()  # the first shard's seconds hold the work for all of them, the others' their own
    with told_without_text(stage.name, len(units)):
        more = next(each, None)
    if more is not None:
        raise ContractError(f"stage {stage.name} yielded more tables than there are shards")
    for name, schema in stage.side:
        if name not in tables.side or tables.side[name].schema != schema:
            raise ContractError(f"stage {stage.name} did not return its table {name} as declared")
        write_table(run.side(stage.name, name), tables.side[name])
    for sidecar in sidecars:
        seal(run, sidecar)
        yield sidecar


def _read(run: Run, shard: int, step: PlannedStep, columns: Sequence[str] | None = None) -> pa.Table:
    """The key and the columns, of those that the stage declares, of the picked rows."""
    stage = step.step.stage
    optional = [name for name in stage.optional.names if name in step.inputs]
    wanted = [*stage.reads.names, *optional] if columns is None else columns
    where = step.step.where
    table = read_columns(run, shard, {name: step.inputs[name] for name in (*wanted, *([where] if where else ()))})
    picked = picked_rows(table, where)
    return (table if picked is None else table.take(picked)).select([KEY.name, *wanted])
