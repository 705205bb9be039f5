"""The columns of `fingerprint` as arrays over all shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from chatlog.schema import KEY
from chatlog.stage import ReadShard
from chatlog.text.containment import Quotes
from chatlog.text.neardup import Banded, Flags, Index, ShingleSets
from chatlog.text.shingles import Hashes, once_a_row

Bytes = npt.NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)

_FACTS: Final = ("conversation_id", "battle_id", "created_at", "truncated", "text_hash", "prompt_hash", "text_length")


@dataclass(frozen=True)
class Facts:
    """What is held of every row: numbers only, no text and no shingles.

    Attributes:
        key: (n,) int64, row ids.
        shards: rows of each shard.
        frame: n rows of conversation (a hash), has_id, created, truncated, text and prompt (hashes), length, turns.
        battle: (n,) int64, a number of the battle, 0 for none.
        turns: (m,) uint64, hashes of the rows' turns, one row after another.
        counts: (n,) int64, turns of each row.
    """

    key: Index
    shards: list[int]
    frame: pl.DataFrame
    battle: Index
    turns: Hashes
    counts: Index


def read_facts(shards: Sequence[ReadShard]) -> Facts:
    """The narrow facts of all shards."""
    frames, keys, turns, counts, sizes = [], [], [], [], []
    for read in shards:
        table = read([*_FACTS, "turn_hashes"])
        sizes.append(table.num_rows)
        keys.append(table[KEY.name].to_numpy())
        lists = table["turn_hashes"].combine_chunks()
        counts.append(_lengths(lists))
        turns.append(lists.flatten().to_numpy())
        frames.append(
            pl.DataFrame(pl.from_arrow(table.select(_FACTS))).select(
                pl.col("conversation_id").hash(1).alias("conversation"),
                has_id=pl.col("conversation_id").is_not_null(),
                battle=pl.when(pl.col("battle_id").is_not_null()).then(pl.col("battle_id").hash(2)),
                created=pl.col("created_at").dt.timestamp("us"),
                truncated=pl.col("truncated").fill_null(False),
                text="text_hash",
                prompt="prompt_hash",
                length=pl.col("text_length").fill_null(0),
            )
        )
    if not frames:
        frames.append(pl.DataFrame(schema=_EMPTY))
    every = np.concatenate([np.empty(0, np.int64), *counts])
    frame = pl.concat(frames).with_columns(turns=pl.Series(every))
    return Facts(
        key=np.concatenate([np.empty(0, np.int64), *keys]),
        shards=sizes,
        frame=frame.drop("battle"),
        battle=frame["battle"].rank("dense").fill_null(0).cast(pl.Int64).to_numpy(),
        turns=np.concatenate([np.empty(0, np.uint64), *turns]),
        counts=every,
    )


_EMPTY: Final = {
    "conversation": pl.UInt64,
    "has_id": pl.Boolean,
    "battle": pl.UInt64,
    "created": pl.Int64,
    "truncated": pl.Boolean,
    "text": pl.Binary,
    "prompt": pl.Binary,
    "length": pl.Int64,
}


def _lengths(lists: pa.Array) -> Index:
    lengths: Index = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def read_banded(shards: Sequence[ReadShard], bands: str, bits: Sequence[str], present: Flags, apart: Index) -> Banded:
    """The columns of bands and of signature bytes, over the rows that are present and have bands."""
    hashes: list[Hashes] = []
    filters: list[list[Bytes]] = [[] for _ in bits]
    had: list[Flags] = []
    for read in shards:
        table = read([bands, *bits])
        lists = table[bands].combine_chunks()
        had.append(np.asarray(lists.is_valid()))
        hashes.append(_matrix(lists.flatten().to_numpy(), had[-1]))
        for name, found in zip(bits, filters, strict=True):
            found.append(_byte_matrix(table[name].combine_chunks()))
    there = present & np.concatenate([np.empty(0, bool), *had])
    return Banded(_stacked(hashes, np.uint64), tuple(_stacked(found, np.uint8) for found in filters), there, apart)


def _byte_matrix(packed: pa.Array) -> Bytes:
    """(n, width) uint8 of a binary column of one width, zeros where it is null."""
    valid = np.asarray(packed.is_valid())
    data = pa.concat_arrays([packed.filter(pa.array(valid))])
    return (
        _matrix(np.frombuffer(data.buffers()[2] or b"", np.uint8)[: data.nbytes], valid)
        if len(data)
        else _matrix(np.empty(0, np.uint8), valid)
    )


def _matrix(values: npt.NDArray[Number], valid: Flags) -> npt.NDArray[Number]:
    """(n, width), zeros where a row has none; width 0 when none has."""
    rows = int(valid.sum())
    matrix = np.zeros((valid.size, values.size // rows if rows else 0), dtype=values.dtype)
    if rows:
        matrix[valid] = values.reshape(rows, -1)
    return matrix


def _stacked(parts: list[npt.NDArray[Number]], kind: type[Number]) -> npt.NDArray[Number]:
    width = max((part.shape[1] for part in parts), default=0)
    parts = [part if part.shape[1] == width else np.zeros((part.shape[0], width), part.dtype) for part in parts]
    return np.concatenate(parts) if parts else np.zeros((0, 0), kind)


def read_sets(
    shards: Sequence[ReadShard],
    sizes: Sequence[int],
    wanted: Flags,
    columns: tuple[str, str] = ("shingles", "shingle_level"),
    *,
    sides: bool = True,
    quotes: Quotes | None = None,
) -> ShingleSets:
    """The shingle sets of the wanted rows.

    Args:
        shards: the readers.
        sizes: rows of each shard.
        wanted: (n,) bool.
        columns: those of the sets and of their levels.
        sides: whether the user's shingles and the others' are told apart.
        quotes: what is given the sets of all rows on the way.
    """
    rows, counts, levels = [], [], []
    values = _Growing()
    at = 0
    for read, size in zip(shards, sizes, strict=True):
        mine = wanted[at : at + size]
        if mine.any() or quotes is not None:
            table = read(columns)
            lists = table[columns[0]].combine_chunks()
            found, lengths = lists.flatten().to_numpy(), _lengths(lists)
            if quotes is not None:
                quotes.add(found, lengths, at)
            found, lengths = found[np.repeat(mine, lengths)], lengths[mine]
            if not sides:
                found, lengths = once_a_row(found & ~np.int32(1), lengths)
            rows.append(np.flatnonzero(mine) + at)
            values.add(found)
            counts.append(lengths)
            levels.append(table[columns[1]].combine_chunks().filter(pa.array(mine)).fill_null(0).to_numpy())
        at += size
    return ShingleSets(
        np.concatenate([np.empty(0, np.int64), *rows]),
        values.taken(),
        np.concatenate([np.empty(0, np.int64), *counts]),
        np.concatenate([np.empty(0, np.int64), *levels]).astype(np.int64),
        wanted.size,
    )


class _Growing:
    """An array that grows in place: for a million rows, parts put together at the end would take the room twice."""

    def __init__(self) -> None:
        self._held = np.empty(1 << 16, dtype=np.int32)
        self._size = 0

    def add(self, values: npt.NDArray[np.int32]) -> None:
        """Puts the values behind those that are there."""
        size = self._size + values.size
        if size > self._held.size:
            self._held.resize(size + size // 4, refcheck=False)
        self._held[self._size : size] = values
        self._size = size

    def taken(self) -> npt.NDArray[np.int32]:
        """All values; the array is given away."""
        self._held.resize(self._size, refcheck=False)
        return self._held
