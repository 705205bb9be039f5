"""`dedup`: which conversations are told more than once, and which telling is kept.

Found in this order. *Snapshots*: states of one conversation, logged turn by turn; the most complete one supersedes
the others, which take no further part. *Exact*: equal after folding. *Near*: MinHash bands propose pairs, the Jaccard
similarity of the shingle sets decides, on the user's side and on the answers' apart; union-find joins (Broder 1997;
Lee et al. 2022), and what has too little in common with the kept telling leaves again. *Contained*: a conversation
that another one repeats and goes on with. The two sides of a battle are never each other's duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import Field

from chatlog.schema import TIMESTAMP
from chatlog.stage import Config, GlobalStage, ReadShard
from chatlog.text.containment import Quotes, best_holder, continued
from chatlog.text.narrow import Facts, read_banded, read_facts, read_sets
from chatlog.text.neardup import Flags, Index, Shares, candidates, joined, stars


class DedupConfig(Config):
    """Settings of `dedup`."""

    threshold: float = Field(0.5, gt=0, le=1)
    """Jaccard similarity of shingles from which two conversations are near-duplicates; on the user's side and on the
    answers', whichever is lower."""
    near: bool = True
    """Whether near-duplicates are looked for; snapshots and exact ones always are."""
    reach: float = Field(0.6, ge=0, le=1)
    """How similar a row has to be to the telling that is kept in its place, as a share of `threshold`.

    Chains of near-duplicates whose ends have little in common are cut by it; 0 cuts none."""
    neighbours: int = Field(2, ge=0, le=64)
    """Rows of a bucket that a row is compared with, beside the bucket's first."""
    contained: int = Field(200, ge=0)
    """Characters that a conversation needs for one that repeats it to its last turn and goes on to be the later telling
    of the same: an interface without conversation ids logs each turn so. Shorter ones, a greeting and its answer say,
    are kept and told in `contained_in`."""
    quoted: float = Field(0.95, gt=0, le=1)
    """Share of a conversation's shingles that another one must hold to be told in `contained_in`. Such a conversation
    is kept."""
    prompt_threshold: float = Field(0.6, gt=0, le=1)
    """Jaccard similarity of first user turns from which they are in one prompt cluster; 1 for equal ones alone."""


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
        pa.field("asked_bits", pa.binary()),
        pa.field("answered_bits", pa.binary()),
        pa.field("shingles", pa.list_(pa.int32())),
        pa.field("shingle_level", pa.int8()),
        pa.field("prompt_bands", pa.list_(pa.uint64())),
        pa.field("prompt_bits", pa.binary()),
        pa.field("prompt_shingles", pa.list_(pa.int32())),
        pa.field("prompt_level", pa.int8()),
    ]
)

_WRITES: Final = pa.schema(
    [
        pa.field("kept", pa.bool_()),
        pa.field("duplicate_of", pa.int64()),  # row_id of the kept telling; null for kept rows
        pa.field("duplicate_kind", pa.string()),  # snapshot, exact, near or contained; null for kept rows
        pa.field("similarity", pa.float64()),  # Jaccard with the kept telling; null for kept rows
        pa.field("cluster_id", pa.int64()),  # row_id of the cluster's kept row
        pa.field("cluster_size", pa.int64()),
        pa.field("contained_in", pa.int64()),  # row_id of a longer conversation that holds this one whole
        pa.field("containment", pa.float64()),  # share of this one's shingles that it holds; 1 for a continuation
        pa.field("prompt_cluster_id", pa.int64()),  # lowest row_id whose first user turn is the like
        pa.field("prompt_cluster_size", pa.int64()),  # rows, snapshots included
    ]
)


def _run(config: DedupConfig, shards: Sequence[ReadShard]) -> Iterator[pa.Table]:
    facts = read_facts(shards)
    with ThreadPoolExecutor(
        1
    ) as beside:  # the two take different columns, and numpy and Arrow leave the interpreter free
        prompts = beside.submit(_prompts, config, facts, shards)
        columns = _conversations(config, facts, shards) | prompts.result()
    table = pa.table(columns).select(_WRITES.names).cast(_WRITES)
    at = 0
    for rows in facts.shards:
        yield table.slice(at, rows)
        at += rows


def _conversations(config: DedupConfig, facts: Facts, shards: Sequence[ReadShard]) -> dict[str, pa.Array]:
    size = facts.key.size
    rank = _best_first(facts.frame, ["length", "truncated", "turns"])
    snapshot_of = _snapshots(facts.frame)
    alive = snapshot_of < 0
    kept_row = _exact(facts.frame, alive, rank)
    similarity = np.full(size, np.nan)
    quotes = Quotes()
    if config.near and size:
        alone = alive & (kept_row == np.arange(size))  # one row stands for all its exact duplicates
        center, value = _near(config, facts, alone, rank, shards, quotes)
        kept_row, similarity = center[kept_row], value[kept_row]
    kept_row = _sides_apart(kept_row, facts, alive, rank)
    holder, share = np.full(size, -1, dtype=np.int64), np.full(size, np.nan)
    found = continued(facts.turns[np.repeat(alive, facts.counts)], np.where(alive, facts.counts, 0), rank, facts.battle)
    holder[found >= 0], share[found >= 0] = found[found >= 0], 1.0
    continues = np.where(facts.frame["length"].to_numpy() >= config.contained, found, -1)
    before, kept_row = kept_row, _followed(continues, kept_row, rank)
    if config.near and size:
        _quoted(config, facts, alive & (kept_row == np.arange(size)), rank, shards, quotes, holder, share)
    # A superseded row goes wherever the row that supersedes it goes.
    kept_row = kept_row[np.where(alive, np.arange(size), snapshot_of)]
    return _decided(facts, kept_row, before, alive, similarity, continues) | {
        "contained_in": pa.array(facts.key[holder] if size else facts.key, mask=holder < 0),
        "containment": pa.array(share, mask=holder < 0),
    }


def _best_first(frame: pl.DataFrame, by: Sequence[str]) -> Index:
    """The rank of every row, 0 the best: by length, completeness and turns as `by` orders them, then the earliest."""
    order = frame.with_row_index("row").sort(
        [*by, "created", "row"],
        descending=[name != "truncated" for name in by] + [False, False],
        nulls_last=True,
        maintain_order=True,
    )["row"]
    rank = np.empty(frame.height, dtype=np.int64)
    rank[order.to_numpy()] = np.arange(frame.height)
    return rank


def _snapshots(frame: pl.DataFrame) -> Index:
    """For every row the row that supersedes it, -1 for none: complete before cut off, more turns, longer, earlier.

    States of one conversation share its id and its first user turn; an id that a source gave to
    two different conversations does not join them.
    """
    rank = pl.Series(_best_first(frame, ["truncated", "turns", "length"]))
    best = (
        frame.select("conversation", "has_id", "prompt", row=pl.int_range(pl.len()), rank=rank)
        .filter(pl.col("has_id"))
        .with_columns(best=pl.col("row").sort_by("rank").first().over("conversation", "prompt"))
    )
    found = np.full(frame.height, -1, dtype=np.int64)
    rows, target = best["row"].to_numpy(), best["best"].to_numpy()
    found[rows] = np.where(rows == target, -1, target)
    return found


def _exact(frame: pl.DataFrame, alive: Flags, rank: Index) -> Index:
    """For every row the best one of the same text, which may be itself."""
    rows = (
        frame.select("text", row=pl.int_range(pl.len()), rank=pl.Series(rank))
        .filter(pl.Series(alive) & pl.col("text").is_not_null())
        .with_columns(best=pl.col("row").sort_by("rank").first().over("text"))
    )
    found = np.arange(frame.height)
    found[rows["row"].to_numpy()] = rows["best"].to_numpy()
    return found


def _near(
    config: DedupConfig, facts: Facts, alone: Flags, rank: Index, shards: Sequence[ReadShard], quotes: Quotes
) -> tuple[Index, Shares]:
    """For every row the kept row of its near-duplicates, which may be itself, and the similarity of the two."""
    rows = read_banded(shards, "minhash_bands", ("asked_bits", "answered_bits"), alone, facts.battle)
    pairs = candidates(rows, config.threshold, config.neighbours)
    wanted = np.zeros(alone.size, dtype=bool)
    for group in pairs:
        wanted[group.ravel()] = True
    sets = read_sets(shards, facts.shards, wanted, quotes=quotes)
    labels = joined(pairs, sets, config.threshold, alone.size)
    centers, gathered, values = stars(labels, rank, sets, config.threshold * config.reach)
    center, value = np.arange(alone.size), np.full(alone.size, np.nan)
    center[gathered], value[gathered] = centers, values
    return center, value


def _sides_apart(kept_row: Index, facts: Facts, alive: Flags, rank: Index) -> Index:
    """The kept rows, with each side of a battle but the better one kept by itself where both have one."""
    rows = np.flatnonzero(alive & (facts.battle > 0))
    rows = rows[np.lexsort((rank[rows], facts.battle[rows], kept_row[rows]))]
    again = np.flatnonzero(
        (kept_row[rows[1:]] == kept_row[rows[:-1]]) & (facts.battle[rows[1:]] == facts.battle[rows[:-1]])
    )
    leaving = rows[again + 1]
    kept_row = kept_row.copy()
    kept_row[leaving] = leaving
    return kept_row


def _followed(continues: Index, kept_row: Index, rank: Index) -> Index:
    """The kept rows, once those that another conversation goes on with have given way to it."""
    rows = np.arange(kept_row.size)
    target = np.where((kept_row == rows) & (continues >= 0), kept_row[continues], rows)
    target = np.where(
        rank[target] < rank[rows], target, rows
    )  # better with each step, so that no two give way to each other
    while True:
        further = target[target]
        if np.array_equal(further, target):
            return target[kept_row]
        target = further


def _quoted(
    config: DedupConfig,
    facts: Facts,
    kept: Flags,
    rank: Index,
    shards: Sequence[ReadShard],
    quotes: Quotes,
    holder: Index,
    share: Shares,
) -> None:
    """Tells in `holder` and `share` which kept conversations stand whole in the text of a longer one."""
    pairs = quotes.pairs(facts.frame["length"].to_numpy(), kept)
    battle = facts.battle
    pairs = pairs[(battle[pairs[:, 0]] == 0) | (battle[pairs[:, 0]] != battle[pairs[:, 1]])]
    wanted = np.zeros(kept.size, dtype=bool)
    wanted[pairs.ravel()] = True
    sets = read_sets(shards, facts.shards, wanted, sides=False)
    found, shares = best_holder(pairs, sets.contained(pairs), config.quoted, rank, kept.size)
    new = (found >= 0) & (holder < 0)
    holder[new], share[new] = found[new], shares[new]


def _decided(
    facts: Facts, kept_row: Index, before: Index, alive: Flags, similarity: Shares, continues: Index
) -> dict[str, pa.Array]:
    size = kept_row.size
    kept = kept_row == np.arange(size)
    text = facts.frame["text"]
    same_text = (text == text.gather(kept_row)).fill_null(False).to_numpy() if size else np.empty(0, bool)
    same_text = same_text & ~kept
    similarity = np.where(same_text, 1.0, similarity)
    # What was a duplicate of a conversation that goes on in another one has gone there with it.
    moved = (kept_row != before) & ~kept & alive
    similarity[moved] = np.nan
    within = (continues >= 0) & (kept_row[continues] == kept_row)
    similarity[kept | ~alive & ~same_text] = np.nan
    names = np.array([None, "snapshot", "exact", "near", "contained"])
    code = np.select([kept, ~alive, same_text, moved | within], [0, 1, 2, 4], 3)
    return {
        "kept": pa.array(kept),
        "duplicate_of": pa.array(facts.key[kept_row], mask=kept),
        "duplicate_kind": pa.array(names[code].tolist(), pa.string()),
        "similarity": pa.array(similarity, mask=np.isnan(similarity)),
        "cluster_id": pa.array(facts.key[kept_row]),
        "cluster_size": pa.array(np.bincount(kept_row, minlength=size)[kept_row], pa.int64()),
    }


def _prompts(config: DedupConfig, facts: Facts, shards: Sequence[ReadShard]) -> dict[str, pa.Array]:
    """Clusters of first user turns: equal ones, and with a threshold below 1 those that are alike."""
    size = facts.key.size
    each = facts.frame.select("prompt").with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    alike = pl.when(pl.col("prompt").is_null()).then("row").otherwise(pl.col("row").min().over("prompt"))
    first = each.select(first=alike)["first"].to_numpy()
    if config.prompt_threshold < 1 and size:
        alone = first == np.arange(size)
        rows = read_banded(shards, "prompt_bands", ("prompt_bits",), alone, np.zeros(size, dtype=np.int64))
        pairs = candidates(rows, config.prompt_threshold, config.neighbours)
        wanted = np.zeros(size, dtype=bool)
        for group in pairs:
            wanted[group.ravel()] = True
        sets = read_sets(shards, facts.shards, wanted, ("prompt_shingles", "prompt_level"))
        labels = joined(pairs, sets, config.prompt_threshold, size)
        centers, gathered, _ = stars(labels, np.arange(size), sets, config.prompt_threshold * config.reach)
        center = np.arange(size)
        center[gathered] = centers
        first = center[first]
    return {
        "prompt_cluster_id": pa.array(facts.key[first] if size else facts.key),
        "prompt_cluster_size": pa.array(np.bincount(first, minlength=size)[first], pa.int64()),
    }


DEDUP: Final = GlobalStage(
    name="dedup",
    version=2,
    config=DedupConfig,
    reads=_READS,
    writes=_WRITES,
    run=_run,
)
