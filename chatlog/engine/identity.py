"""Fingerprints: what a part file was made by and from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.pipeline import PlannedStep
from chatlog.sources.chunks import PLACE, Chunk


def digest(value: Any) -> str:
    """SHA-256 of a value's JSON with sorted keys, in hex."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def of_ingest(
    version: int, chunk: Chunk, shard: int, options: Mapping[str, Any], limits: Mapping[str, Any], key_id: str
) -> str:
    """The fingerprint of one ingest shard: what was read, how, and under which user key.

    The file's place on disk does not count, its name within the source does.
    """
    told = {name: value for name, value in chunk.to_json().items() if name not in PLACE}
    return digest(["ingest", version, shard, told, options, limits, key_id])


def of_step(planned: PlannedStep, inputs: Mapping[str, str | Sequence[str]]) -> str:
    """The fingerprint of one stage on one shard; a global stage's holds for all shards.

    `inputs` gives for each column that is read the fingerprint of its last writer: on this shard,
    or on every shard in order. Engine, worker count and batch size do not stand in it.
    """
    step = planned.step
    return digest([step.stage.name, step.stage.version, step.config.identity(), step.where, dict(inputs)])


def column_digests(table: pa.Table) -> dict[str, str]:
    """SHA-256 of the values of each column, however they are cut into chunks. For the narrow columns of global stages.

    A global stage runs whole when anything changes, and mostly gives the same for most shards: what reads a column
    of one is stale where its values are others, and nowhere else.
    """
    return {name: _values_digest(table.select([name]).combine_chunks()) for name in table.column_names}


def _values_digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    # Buffers of equal arrays may differ where values are null; Parquet writes what is there alone.
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False)
    return hashlib.sha256(sink.getvalue()).hexdigest()
