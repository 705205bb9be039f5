"""The stage `fame`: which names are public ones, since many unrelated users wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from chatlog.stage import Config, GlobalStage, ReadShard


class FameConfig(Config):
    """Settings of `fame`."""

    users: int = Field(default=20, ge=1)
    """A name that more users than so many wrote is a public one; conversations of no known user do not count."""


_READS: Final = pa.schema([pa.field("name_keys", pa.list_(pa.int64())), pa.field("user_key", pa.string())])
_WRITES: Final = pa.schema([pa.field("public_names", pa.list_(pa.int64()))])

Pairs = npt.NDArray[np.int64]
"""`(n, 2)`: the key of a name, and the number of a user who wrote it; distinct rows."""


def _distinct(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    sorted_ = pairs[order]
    fresh = np.ones(len(sorted_), dtype=bool)
    fresh[1:] = (sorted_[1:] != sorted_[:-1]).any(axis=1)
    return sorted_[fresh]


def _public(config: FameConfig, shards: Sequence[ReadShard]) -> npt.NDArray[np.int64]:
    numbers: dict[str, int] = {}
    seen: Pairs = np.empty((0, 2), dtype=np.int64)
    for read in shards:
        table = read(["name_keys", "user_key"])
        names = table["name_keys"].combine_chunks()
        users = np.array(
            [-1 if user is None else numbers.setdefault(user, len(numbers)) for user in table["user_key"].to_pylist()],
            dtype=np.int64,
        )
        owners = users[np.asarray(pc.list_parent_indices(names), dtype=np.int64)]
        pairs = np.column_stack([np.asarray(pc.list_flatten(names), dtype=np.int64), owners])
        # Kept distinct as they come, so that memory grows with names and users, not with what they write.
        seen = _distinct(np.concatenate([seen, pairs[owners >= 0]]))
    keys, counts = np.unique(seen[:, 0], return_counts=True)
    return keys[counts > config.users]


def run_fame(config: FameConfig, shards: Sequence[ReadShard]) -> Iterator[pa.Table]:
    """For each conversation those of its names that are public."""
    public = pa.array(_public(config, shards), pa.int64())
    for read in shards:
        names = read(["name_keys"])["name_keys"].combine_chunks()
        kept = pc.is_in(pc.list_flatten(names), value_set=public)
        owner = np.asarray(pc.list_parent_indices(names), dtype=np.int64)[np.asarray(kept)]
        lengths = np.bincount(owner, minlength=len(names))
        offsets = pa.array(
            np.append(0, np.cumsum(lengths)), pa.int32(), mask=np.append(np.asarray(names.is_null()), False)
        )
        values = pc.list_flatten(names).filter(kept)
        yield pa.table([pa.ListArray.from_arrays(offsets, values)], schema=_WRITES)


FAME: Final = GlobalStage(name="fame", version=1, config=FameConfig, reads=_READS, writes=_WRITES, run=run_fame)
