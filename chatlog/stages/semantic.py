"""`semantic`: conversations whose vectors say that they ask for the same in other words. In no recipe by default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from chatlog.models.embedding_column import EMBEDDING, halves, used_width
from chatlog.models.semdedup import semantic_duplicates
from chatlog.schema import KEY
from chatlog.stage import Config, GlobalStage, ReadShard


class SemanticConfig(Config):
    """Settings of `semantic`."""

    threshold: float = Field(0.95, gt=0, le=1)
    """Cosine of two vectors from which the later conversation is a semantic duplicate of the earlier one."""
    seed: int = Field(42, ge=0, lt=1 << 32)
    """Seed of the clusters within which vectors are compared."""


_WRITES: Final = pa.schema(
    [
        pa.field("semantic_duplicate_of", pa.int64()),  # row_id of the earliest one like it; null for that one
        pa.field("semantic_similarity", pa.float64()),  # cosine with it
    ]
)


def _run(config: SemanticConfig, shards: Sequence[ReadShard]) -> Iterator[pa.Table]:
    keys, vectors, sizes, there = [], [], [], []
    for read in shards:
        table = read()
        sizes.append(table.num_rows)
        valid, found = halves(table["embedding"])
        keys.append(table[KEY.name].to_numpy())
        there.append(valid)
        vectors.append(found[:, : used_width(found)].copy())
    if not shards:
        return
    key, present = np.concatenate(keys), np.concatenate(there)
    width = max(1, *(found.shape[1] for found in vectors))
    unit = np.zeros((sum(map(len, vectors)), width), dtype=np.float32)
    at = 0
    for found in vectors:
        unit[at : at + len(found), : found.shape[1]] = found
        at += len(found)
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    some = length[:, 0] > 0
    present[np.flatnonzero(present)[~some]] = False
    of, cosine = semantic_duplicates((unit / np.maximum(length, 1e-12))[some], config.threshold, config.seed)
    rows = np.flatnonzero(present)
    target, similarity = np.full(key.size, -1, dtype=np.int64), np.full(key.size, np.nan)
    again = of >= 0
    target[rows[again]], similarity[rows[again]] = key[rows[of[again]]], cosine[again]
    made = pa.table([pa.array(target, mask=target < 0), pa.array(similarity, mask=target < 0)], schema=_WRITES)
    at = 0
    for size in sizes:
        yield made.slice(at, size)
        at += size


SEMANTIC: Final = GlobalStage(
    name="semantic",
    version=1,
    config=SemanticConfig,
    reads=pa.schema([pa.field("embedding", EMBEDDING)]),
    writes=_WRITES,
    run=_run,
)
