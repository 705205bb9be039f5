"""One stage on one shard: the unit of work, the same function for every engine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlog.engine.store import Run, dump_json, read_columns, write_atomically, write_bytes, write_table
from chatlog.engine.userkey import user_key
from chatlog.errors import ChatlogError, ContractError, without_text
from chatlog.schema import KEY, with_key
from chatlog.stage import BatchFn, Counting, Stage

SLICE_ROWS: Final = 4_096
"""Rows that a stage is given at a time; a fixed number, so that a shard's bytes do not vary."""


@dataclass(frozen=True)
class Unit:
    """One stage on one shard, as plain values that cross to another process or machine as JSON."""

    root: str
    stage: str
    config: Mapping[str, Any]
    shard: int
    inputs: Mapping[str, str]
    where: str | None
    fingerprint: str
    repeat: bool = False
    """Whether only the rows that failed are made again, and the others kept."""


def run_unit(unit: Unit, stage: Stage, function: BatchFn) -> dict[str, Any]:
    """Makes the part file and then the sidecar of one unit; returns the sidecar.

    Raises:
        ContractError: the stage broke its promise, or failed on its input. The message holds the
            places in the code, never the exception's text, which might quote a conversation.
    """
    begun = time.monotonic()
    run = Run(Path(unit.root))
    # What is there counts as done until what failed in it is made: an interruption must not cost the rest.
    before = kept_part(run, unit, stage) if unit.repeat else None
    if before is None:
        run.forget(stage.name, unit.shard)
    table = read_columns(run, unit.shard, unit.inputs)
    picked = picked_rows(table, unit.where) if before is None else failed_rows(before.table, stage)
    given = table if picked is None else table.take(picked)
    given = given.select([*stage.reads.names, *(name for name in stage.optional.names if name in unit.inputs)])
    made_from = unit.fingerprint if before is None else f"{unit.fingerprint} {before.sha256}"
    pieces = _Pieces(run.root / stage.name / f"part-{unit.shard:05d}.work", made_from)
    size = stage.checkpoint_rows or SLICE_ROWS
    done: list[pa.Table] = []
    counted = function.counts() if isinstance(function, Counting) else {}
    for number, start in enumerate(range(0, given.num_rows, size)):
        batch = given.slice(start, size)
        result = pieces.load(number) if stage.checkpoint_rows else None
        if result is None or result.num_rows != batch.num_rows:
            with told_without_text(stage.name, unit.shard):
                result = function(batch)
            check_output(stage.name, result, stage.writes, batch.num_rows)
            result = result.select(stage.writes.names)
            if stage.checkpoint_rows:
                pieces.save(number, result)
        done.append(result)
    made = pa.concat_tables(done) if done else stage.writes.empty_table()
    if before is None:
        made = scatter(made, picked, table.num_rows)
    else:
        if not before.key.equals(table[KEY.name]):
            raise ContractError(f"shard {unit.shard} of {stage.name} does not hold the rows that it was made from")
        made = replaced(before.table, made, picked)
        run.forget(stage.name, unit.shard)
    counts: dict[str, Any] = {}
    if stage.retry:
        # In one chunk, so that the bytes do not tell in how many goes the rows were made.
        made = made.combine_chunks()
        counts["failed"] = len(failed_rows(made, stage))
    if isinstance(function, Counting):
        told = before.counts if before else {}
        counts["counts"] = {
            name: told.get(name, 0) + total - counted.get(name, 0) for name, total in function.counts().items()
        }
    return finish(run, stage.name, stage.version, unit, table[KEY.name], made, begun, clear=pieces.clear, counts=counts)


def finish(
    run: Run,
    name: str,
    version: int,
    unit: Unit,
    key: pa.ChunkedArray,
    made: pa.Table,
    begun: float,
    clear: Callable[[], None] = lambda: None,
    counts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a unit's part file and sidecar; `counts` are told in the sidecar too."""
    sidecar = write_part(run, name, version, unit, key, made, begun) | dict(counts or {})
    seal(run, sidecar)
    clear()
    return sidecar


def write_part(
    run: Run, name: str, version: int, unit: Unit, key: pa.ChunkedArray, made: pa.Table, begun: float
) -> dict[str, Any]:
    """Writes a unit's part file; returns the sidecar that `seal` is to write."""
    whole = pa.table([key, *made.columns], schema=with_key(made.schema))
    written = write_table(run.part(name, unit.shard), whole)
    return {
        "stage": name,
        "version": version,
        "shard": unit.shard,
        "fingerprint": unit.fingerprint,
        "rows": whole.num_rows,
        "nulls": {column: whole[column].null_count for column in made.column_names},
        "seconds": round(time.monotonic() - begun, 3),
        **written,
    }


def seal(run: Run, sidecar: Mapping[str, Any]) -> None:
    """Writes the sidecar: from here on the unit is done."""
    write_bytes(run.sidecar(sidecar["stage"], sidecar["shard"]), dump_json(sidecar))


@dataclass(frozen=True)
class KeptPart:
    """What a stage made of a shard before."""

    key: pa.ChunkedArray
    table: pa.Table
    sha256: str
    counts: Mapping[str, int]


def kept_part(run: Run, unit: Unit, stage: Stage) -> KeptPart | None:
    """The part of a unit that is done; None when it is not done."""
    if not run.is_done(stage.name, unit.shard, unit.fingerprint):
        return None
    table = read_columns(run, unit.shard, dict.fromkeys(stage.writes.names, stage.name))
    sidecar = run.read_sidecar(stage.name, unit.shard) or {}
    return KeptPart(
        table[KEY.name],
        table.select(stage.writes.names).cast(stage.writes),
        str(sidecar.get("sha256")),
        sidecar.get("counts", {}),
    )


def failed_rows(table: pa.Table, stage: Stage) -> pa.Array:
    """Positions of the rows of which the stage said that they failed."""
    assert stage.retry is not None
    column, value = stage.retry
    mask = pc.fill_null(pc.equal(table[column], value), False)
    return pa.array(np.flatnonzero(mask.combine_chunks().to_numpy(zero_copy_only=False)), pa.int64())


def replaced(before: pa.Table, made: pa.Table, picked: pa.Array) -> pa.Table:
    """`before` with the rows of `made` at the positions `picked`."""
    index = np.arange(before.num_rows, dtype=np.int64)
    index[picked.to_numpy()] = before.num_rows + np.arange(len(picked))
    return pa.concat_tables([before, made]).combine_chunks().take(pa.array(index))


def picked_rows(table: pa.Table, where: str | None) -> pa.Array | None:
    """Positions of the rows that a step is given, None for all of them."""
    if where is None:
        return None
    mask = pc.fill_null(table[where], False)
    return pa.array(np.flatnonzero(mask.combine_chunks().to_numpy(zero_copy_only=False)), pa.int64())


def scatter(made: pa.Table, picked: pa.Array | None, rows: int) -> pa.Table:
    """`made` spread over all rows of the shard, nulls for the rows that were not picked."""
    if picked is None:
        return made
    index = np.full(rows, -1, dtype=np.int64)
    index[picked.to_numpy()] = np.arange(len(picked))
    return made.combine_chunks().take(pa.array(index, mask=index < 0))


def check_output(name: str, result: pa.Table, writes: pa.Schema, rows: int) -> None:
    """Nothing, when a stage returned what it declared.

    Raises:
        ContractError: another number of rows, or other columns or types.
    """
    if result.num_rows != rows:
        raise ContractError(f"stage {name} returned {result.num_rows} rows for {rows}")
    for field in writes:
        if field.name not in result.column_names:
            raise ContractError(f"stage {name} did not return its column {field.name}")
        found = result.schema.field(field.name).type
        if found != field.type:
            raise ContractError(f"stage {name} returned {field.name} as {found}, it declares {field.type}")


@contextmanager
def told_without_text(stage: str, shard: int) -> Iterator[None]:
    """Turns a foreign exception into one that tells where it arose, but not its message."""
    try:
        yield
    except ChatlogError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise ContractError(f"stage {stage} failed on shard {shard}: {without_text(error)}") from None


class _Pieces:
    """The finished pieces of a shard whose stage takes long: each survives an interruption."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.metadata = {"fingerprint": fingerprint}

    def load(self, number: int) -> pa.Table | None:
        try:
            with pa.ipc.open_file(self._path(number)) as reader:
                table = reader.read_all()
        except (OSError, pa.ArrowException):
            return None
        metadata = table.schema.metadata or {}
        if metadata.get(b"fingerprint") != self.metadata["fingerprint"].encode():
            return None
        return table.replace_schema_metadata(None)

    def save(self, number: int, table: pa.Table) -> None:
        tagged = table.replace_schema_metadata(self.metadata)

        def write(stream: Any) -> None:
            with pa.ipc.new_file(stream, tagged.schema) as writer:
                writer.write_table(tagged)

        write_atomically(self._path(number), write)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"piece-{number:05d}.arrow"


class Opened:
    """The stages that this process has opened, each once."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._functions: dict[tuple[str, str, str], BatchFn] = {}

    def function(self, stage: Stage, config: Mapping[str, Any], root: Path) -> BatchFn:
        """The stage's batch function under this config and the key of the run at `root`, opened on first use."""
        settings = stage.config.model_validate(config)
        identity = (stage.name, settings.model_dump_json(), str(root) if stage.keyed else "")
        if identity not in self._functions:
            given = (settings, user_key(Run(root)).secret) if stage.keyed else (settings,)
            self._functions[identity] = self._stack.enter_context(stage.open(*given))
        return self._functions[identity]

    def close(self) -> None:
        """Closes every stage."""
        self._functions.clear()
        self._stack.close()
