"""`dedup`: which conversations are told more than once, and which telling is kept.

Three kinds, found in this order. *Snapshots*: states of one conversation, logged turn by turn; the
most complete one supersedes the others, which take no further part. *Exact*: equal after folding.
*Near*: MinHash bands propose pairs, the Jaccard similarity of the shingle sets decides, union-find
joins (Broder 1997; Lee et al. 2022), and what has too little in common with the kept telling
leaves again. The two sides of a battle are never each other's duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pydantic import Field

from chatlog.schema import KEY, TIMESTAMP
from chatlog.stage import Config, GlobalStage, ReadShard
from chatlog.text.neardup import UnionFind, candidate_pairs, stars, verified

Index = npt.NDArray[np.int64]


class DedupConfig(Config):
    """Settings of `dedup`."""

    threshold: float = Field(0.5, gt=0, le=1)
    """Jaccard similarity of character shingles from which two conversations are near-duplicates."""
    near: bool = True
    """Whether near-duplicates are looked for; snapshots and exact ones always are."""
    reach: float = Field(0.6, ge=0, le=1)
    """How similar a row has to be to the telling that is kept in its place, as a share of `threshold`.

    Chains of near-duplicates whose ends have little in common are cut by it; 0 cuts none."""
    neighbours: int = Field(4, ge=0, le=64)
    """Rows of a bucket that a row is compared with, beside the bucket's first."""


_READS: Final = pa.schema(
    [
        pa.field("conversation_id", pa.string()),
        pa.field("battle_id", pa.string()),
        pa.field("created_at", TIMESTAMP),
        pa.field("truncated", pa.bool_()),
        pa.field("text_hash", pa.binary(16)),
        pa.field("prompt_hash", pa.binary(16)),
        pa.field("turn_hashes", pa.list_(pa.uint64())),
        pa.field("text_length", pa.int64()),
        pa.field("minhash_bands", pa.list_(pa.uint64())),
        pa.field("shingles", pa.list_(pa.uint32())),
        pa.field("shingle_level", pa.int8()),
    ]
)

_WRITES: Final = pa.schema(
    [
        pa.field("kept", pa.bool_()),
        pa.field("duplicate_of", pa.int64()),  # row_id of the kept telling; null for kept rows
        pa.field("duplicate_kind", pa.string()),  # snapshot, exact or near; null for kept rows
        pa.field("similarity", pa.float64()),  # Jaccard with the kept telling; null for kept rows
        pa.field("cluster_id", pa.int64()),  # row_id of the cluster's kept row
        pa.field("cluster_size", pa.int64()),
        pa.field("prompt_cluster_id", pa.int64()),  # lowest row_id with the same folded first user turn
        pa.field("prompt_cluster_size", pa.int64()),  # rows, snapshots included
    ]
)


@dataclass(frozen=True)
class _Corpus:
    """What is held of every row: numbers only, no text and no shingles."""

    key: Index
    shards: list[int]  # rows of each shard
    frame: pl.DataFrame
    bands: npt.NDArray[np.uint64]


def _run(config: DedupConfig, shards: Sequence[ReadShard]) -> Iterator[pa.Table]:
    corpus = _gather(shards)
    rank = _best_first(corpus.frame)
    snapshot_of = _snapshots(corpus.frame, rank)
    alive = snapshot_of < 0
    groups = UnionFind(corpus.key.size)
    _join_exact(corpus.frame, alive, rank, groups)
    similar: dict[int, float] = {}
    if config.near and corpus.bands.size:
        similar = _join_near(config, corpus, alive, rank, groups, shards)
    yield from _decide(corpus, rank, snapshot_of, groups.labels(), similar)


def _gather(shards: Sequence[ReadShard]) -> _Corpus:
    frames, keys, bands, sizes = [], [], [], []
    for read in shards:
        table = read()
        sizes.append(table.num_rows)
        keys.append(table[KEY.name].to_numpy())
        bands.append(_band_matrix(table["minhash_bands"]))
        narrow = table.drop_columns([KEY.name, "minhash_bands", "shingles", "shingle_level"])
        frames.append(
            pl.DataFrame(pl.from_arrow(narrow)).select(
                pl.col("conversation_id").hash(1).alias("conversation"),
                has_id=pl.col("conversation_id").is_not_null(),
                battle=pl.when(pl.col("battle_id").is_not_null()).then(pl.col("battle_id").hash(2)),
                created=pl.col("created_at").dt.timestamp("us"),
                truncated=pl.col("truncated").fill_null(False),
                text="text_hash",
                prompt="prompt_hash",
                turns=pl.col("turn_hashes").list.len().fill_null(0),
                length=pl.col("text_length").fill_null(0),
            )
        )
    width = max((matrix.shape[1] for matrix in bands), default=0)
    bands = [matrix if matrix.shape[1] else np.zeros((matrix.shape[0], width), np.uint64) for matrix in bands]
    empty = pl.DataFrame(
        schema={
            "conversation": pl.UInt64,
            "has_id": pl.Boolean,
            "battle": pl.UInt64,
            "created": pl.Int64,
            "truncated": pl.Boolean,
            "text": pl.Binary,
            "prompt": pl.Binary,
            "turns": pl.UInt32,
            "length": pl.Int64,
        }
    )
    return _Corpus(
        key=np.concatenate(keys) if keys else np.empty(0, np.int64),
        shards=sizes,
        frame=pl.concat(frames) if frames else empty,
        bands=np.concatenate(bands) if bands else np.zeros((0, 0), np.uint64),
    )


def _band_matrix(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """(n, b) uint64, zeros where a row has no bands; b is 0 when none has."""
    array = column.combine_chunks()
    present = array.is_valid().to_numpy(zero_copy_only=False)
    values = array.flatten().to_numpy()
    width = values.size // int(present.sum()) if present.any() else 0
    matrix = np.zeros((len(array), width), dtype=np.uint64)
    matrix[present] = values.reshape(-1, width) if width else 0
    return matrix


def _best_first(frame: pl.DataFrame) -> Index:
    """The rank of every row: complete before truncated, more turns, longer, earlier logged, earlier read."""
    order = frame.with_row_index("row").sort(
        ["truncated", "turns", "length", "created", "row"],
        descending=[False, True, True, False, False],
        nulls_last=True,
        maintain_order=True,
    )["row"]
    rank = np.empty(frame.height, dtype=np.int64)
    rank[order.to_numpy()] = np.arange(frame.height)
    return rank


def _snapshots(frame: pl.DataFrame, rank: Index) -> Index:
    """For every row the row that supersedes it, -1 for none.

    States of one conversation share its id and its first user turn; an id that a source gave to
    two different conversations does not join them.
    """
    best = (
        frame.select("conversation", "has_id", "prompt", row=pl.int_range(pl.len()), rank=pl.Series(rank))
        .filter(pl.col("has_id"))
        .with_columns(best=pl.col("row").sort_by("rank").first().over("conversation", "prompt"))
    )
    found = np.full(frame.height, -1, dtype=np.int64)
    rows, target = best["row"].to_numpy(), best["best"].to_numpy()
    found[rows] = np.where(rows == target, -1, target)
    return found


def _join_exact(frame: pl.DataFrame, alive: npt.NDArray[np.bool_], rank: Index, groups: UnionFind) -> None:
    rows = (
        frame.select("text", "battle", row=pl.int_range(pl.len()), rank=pl.Series(rank))
        .filter(pl.Series(alive) & pl.col("text").is_not_null())
        .with_columns(best=pl.col("row").sort_by("rank").first().over("text"))
        .filter(pl.col("row") != pl.col("best"))
    )
    battle = frame["battle"]
    for row, best, side in zip(rows["row"].to_list(), rows["best"].to_list(), rows["battle"].to_list(), strict=True):
        if side is None or side != battle[best]:
            groups.union(row, best)


def _join_near(
    config: DedupConfig,
    corpus: _Corpus,
    alive: npt.NDArray[np.bool_],
    rank: Index,
    groups: UnionFind,
    shards: Sequence[ReadShard],
) -> dict[int, float]:
    """Joins near-duplicates; the similarity of each joined row with the kept row of its group."""
    # One row stands for all its exact duplicates.
    representative = groups.labels() == np.arange(corpus.key.size)
    present = alive & representative & corpus.bands.any(axis=1)
    pairs = candidate_pairs(corpus.bands, present, config.neighbours)
    battle = corpus.frame["battle"].fill_null(0).to_numpy()
    pairs = pairs[(battle[pairs[:, 0]] == 0) | (battle[pairs[:, 0]] != battle[pairs[:, 1]])]
    wanted = np.zeros(corpus.key.size, dtype=bool)
    wanted[pairs.ravel()] = True
    sets, levels = _shingle_sets(wanted, shards)
    near = UnionFind(corpus.key.size)
    verified(pairs, sets, levels, config.threshold, near)
    similar: dict[int, float] = {}
    by_group: dict[int, list[int]] = {}
    labels = near.labels()
    for row in np.flatnonzero(wanted)[np.argsort(rank[wanted], kind="stable")].tolist():
        by_group.setdefault(int(labels[row]), []).append(row)
    for members in by_group.values():
        for center, row, value in stars(members, sets, levels, config.threshold * config.reach):
            groups.union(center, row)
            similar[row] = value
    return similar


def _shingle_sets(
    wanted: npt.NDArray[np.bool_], shards: Sequence[ReadShard]
) -> tuple[list[npt.NDArray[np.uint32] | None], Index]:
    """The shingle sets of the wanted rows, and the sampling levels of all."""
    sets: list[npt.NDArray[np.uint32] | None] = [None] * wanted.size
    levels = np.zeros(wanted.size, dtype=np.int64)
    at = 0
    for read in shards:
        if not wanted[at:].any():
            break
        table = read()
        if wanted[at : at + table.num_rows].any():
            column = table["shingles"].combine_chunks()
            levels[at : at + table.num_rows] = table["shingle_level"].fill_null(0).to_numpy()
            values, offsets = column.values.to_numpy(), column.offsets.to_numpy()
            for row in np.flatnonzero(wanted[at : at + table.num_rows]).tolist():
                sets[at + row] = values[offsets[row] : offsets[row + 1]].copy()
        at += table.num_rows
    return sets, levels


def _decide(
    corpus: _Corpus, rank: Index, snapshot_of: Index, labels: Index, similar: dict[int, float]
) -> Iterator[pa.Table]:
    size = corpus.key.size
    rows = np.arange(size, dtype=np.int64)
    # A superseded row goes wherever the row that supersedes it goes.
    labels = labels[np.where(snapshot_of >= 0, snapshot_of, rows)]
    best = np.full(size, -1, dtype=np.int64)
    alive = np.flatnonzero(snapshot_of < 0)
    ordered = alive[np.argsort(-rank[alive], kind="stable")]
    best[labels[ordered]] = ordered  # the last write wins: the best-ranked
    kept_row = best[labels]
    kept = kept_row == rows
    text = corpus.frame["text"]
    same_text = (text == text.gather(kept_row)).fill_null(False).to_numpy() if size else np.empty(0, bool)
    kind = np.where(kept, None, np.where(snapshot_of >= 0, "snapshot", np.where(same_text, "exact", "near")))  # type: ignore[call-overload]
    similarity = np.full(size, np.nan)
    similarity[~kept & same_text] = 1.0
    for row, value in similar.items():
        if not kept[row] and not same_text[row]:
            similarity[row] = value
    sizes = np.bincount(kept_row, minlength=size)
    frame = corpus.frame.select("prompt", row=pl.int_range(pl.len()))
    by_prompt = frame.with_columns(
        first=pl.when(pl.col("prompt").is_null()).then("row").otherwise(pl.col("row").min().over("prompt")),
        count=pl.when(pl.col("prompt").is_null()).then(1).otherwise(pl.len().over("prompt")),
    )
    first, count = by_prompt["first"].to_numpy(), by_prompt["count"].to_numpy()
    arrays = [
        pa.array(kept),
        pa.array(corpus.key[kept_row], mask=kept),
        pa.array(kind.tolist(), pa.string()),
        pa.array(similarity, mask=np.isnan(similarity)),
        pa.array(corpus.key[kept_row]),
        pa.array(sizes[kept_row], pa.int64()),
        pa.array(corpus.key[first] if size else corpus.key),
        pa.array(count.astype(np.int64)),
    ]
    table = pa.table(arrays, schema=_WRITES)
    at = 0
    for rows_in_shard in corpus.shards:
        yield table.slice(at, rows_in_shard)
        at += rows_in_shard


DEDUP: Final = GlobalStage(
    name="dedup",
    version=1,
    config=DedupConfig,
    reads=_READS,
    writes=_WRITES,
    run=_run,
)
