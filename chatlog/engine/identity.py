"""Fingerprints: what a part file was made by and from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

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
