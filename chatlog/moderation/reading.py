"""A run's judgments shard by shard, as arrays, with what their rows are counted by; no text is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.engine.intake import finished_shards
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run, read_columns
from chatlog.errors import ConfigError, ContractError, DataError
from chatlog.models.judgments import Bools, Ints, Judgments, flat
from chatlog.pipeline import INGEST, Pipeline
from chatlog.schema import KEY

UNKNOWN: Final = "unknown"
"""What a row without a model or a language is counted by."""

_ROLE: Final = "messages.list.element.role"
"""The leaf that holds roles: read alone, no text leaves the file."""

_DECIDED: Final = ("moderation", "flagged", "moderation_status")


@dataclass(frozen=True)
class JudgedShard:
    """One shard of a run that was moderated.

    Attributes:
        number: the shard's.
        row_id: `(rows,) int64`.
        judged: the messages that were judged, failed or skipped.
        role: one a message of `judged`.
        given: `(rows,)`: whether the row was given to `moderate`.
        present: `(rows,)`: whether the last writer of `messages` left any.
        flagged: `(rows,)`: the conversation's flag, False where it is null.
        status: the conversation's status.
        columns: what else was asked for, one value a row; null where nothing was written.
    """

    number: int
    row_id: Ints
    judged: Judgments
    role: pa.Array
    given: Bools
    present: Bools
    flagged: Bools
    status: pa.Array
    columns: dict[str, pa.Array]

    def said_by(self, role: str) -> Bools:
        """Whether each message is of a role."""
        return filled(pc.equal(self.role, role))


@dataclass(frozen=True)
class JudgedRun:
    """A run folder whose conversations were moderated, in whole or in part."""

    run: Run
    pipeline: Pipeline
    writers: dict[str, str]
    shards: tuple[int, ...]

    def read(self, columns: Sequence[str] = ()) -> Iterator[JudgedShard]:
        """The shards in order, one at a time.

        Raises:
            DataError: a part file is damaged.
            ContractError: stages do not hold the same rows or messages.
        """
        for number in self.shards:
            yield self._shard(number, columns)

    def _shard(self, number: int, columns: Sequence[str]) -> JudgedShard:
        there = [name for name in columns if name in self.writers and self.has(self.writers[name], number)]
        table = read_columns(self.run, number, {name: self.writers[name] for name in (*_DECIDED, *there)})
        judged = flat(table["moderation"])
        given = ~filled(pc.is_null(table["moderation"].combine_chunks()))
        logged = self._roles(INGEST, number, table[KEY.name])
        lengths = np.bincount(judged.row, minlength=len(given))
        counted = pc.fill_null(pc.list_value_length(logged), 0).to_numpy(zero_copy_only=False)
        if not np.array_equal(lengths[given], counted[given]):
            raise ContractError(
                f"{self.run.part(self.writers['moderation'], number)} does not hold one judgment a message; remove it "
                "and run again"
            )
        last = self.writers["messages"]
        shown = logged if last == INGEST else self._roles(last, number, table[KEY.name])
        return JudgedShard(
            number=number,
            row_id=table[KEY.name].combine_chunks().to_numpy(),
            judged=judged,
            role=pc.struct_field(pc.list_flatten(logged.filter(pa.array(given))), "role"),
            given=given,
            present=~filled(pc.is_null(shown)),
            flagged=filled(table["flagged"].combine_chunks()),
            status=table["moderation_status"].combine_chunks(),
            columns={name: table[name].combine_chunks() if name in there else pa.nulls(len(given)) for name in columns},
        )

    def has(self, stage: str, number: int) -> bool:
        """Whether a stage has made a shard."""
        return self.run.read_sidecar(stage, number) is not None

    def _roles(self, stage: str, number: int, key: pa.ChunkedArray) -> pa.Array:
        """The `messages` of a shard with nothing but their roles."""
        path = self.run.part(stage, number)
        try:
            with pq.ParquetFile(path) as file:
                table = file.read([KEY.name, _ROLE])
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"cannot read {path}: it is missing or damaged; remove it and run again") from error
        if not table[KEY.name].equals(key):
            raise ContractError(f"{path} does not hold the rows of the stages before it; remove {stage}/ and run again")
        return table["messages"].combine_chunks()

    def texts(self, number: int, rows: Ints, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
        """`messages`, as their last writer left them, and other columns of some rows of a shard."""
        writers = {name: self.writers[name] for name in ("messages", *columns)}
        told: list[dict[str, Any]] = read_columns(self.run, number, writers).take(pa.array(rows)).to_pylist()
        return told


def judged_run(root: str | Path) -> JudgedRun:
    """A run with its moderated shards.

    Raises:
        ConfigError: no run, no `moderate` in its pipeline, or no shard moderated yet.
    """
    run, pipeline = pipeline_of(root)
    writers = pipeline.writers()
    if "moderation" not in writers:
        raise ConfigError(f'the pipeline {pipeline.name} has no stage `moderate`; add [[stage]] with use = "moderate"')
    shards = finished_shards(run, {writers["moderation"], writers["messages"]})
    if not shards:
        raise ConfigError(f"{run.root} is not moderated yet; run its pipeline again first")
    return JudgedRun(run, pipeline, writers, shards)


def filled(values: pa.Array | pa.ChunkedArray) -> Bools:
    """A boolean array with False for null."""
    found: npt.NDArray[np.bool_] = pc.fill_null(values, False).to_numpy(zero_copy_only=False).astype(bool)
    return found


def codes(values: pa.Array) -> tuple[Ints, list[str]]:
    """A number for each value, and the values in that order; null is UNKNOWN."""
    encoded = pc.fill_null(values.cast(pa.string()), UNKNOWN).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()
