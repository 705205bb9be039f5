"""How much a run gives to moderation: conversations, messages and the characters that a model would be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chatlog.engine.intake import finished_shards
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run, read_columns
from chatlog.errors import ConfigError
from chatlog.models.judgments import Ints
from chatlog.moderation.reading import filled
from chatlog.pipeline import Pipeline, last_writers


@dataclass(frozen=True)
class Volume:
    """The work of some conversations.

    Attributes:
        conversations: given to the stage.
        messages: with text, so judged.
        characters: shown over all prompts, context included: a message counts once for each prompt it stands in.
    """

    conversations: int = 0
    messages: int = 0
    characters: int = 0

    def __add__(self, other: Volume) -> Volume:
        return Volume(
            self.conversations + other.conversations,
            self.messages + other.messages,
            self.characters + other.characters,
        )


@dataclass(frozen=True)
class Given:
    """What a step of moderation would be given of a run."""

    run: Run
    shards: tuple[int, ...]
    columns: dict[str, str]
    where: str | None

    def messages(self) -> Iterator[pa.Array]:
        """`messages` of the rows that are given, one shard at a time."""
        for shard in self.shards:
            table = read_columns(self.run, shard, self.columns)
            column = table["messages"].combine_chunks()
            yield column if self.where is None else column.filter(pa.array(filled(table[self.where])))


def given(root: str, pipeline: Pipeline, where: str | None) -> Given:
    """What `moderate` as the first of its kind in `pipeline` would be given of the run at `root`.

    Raises:
        ConfigError: no run, nothing ingested, or the column `where` is not there yet.
    """
    run, own = pipeline_of(root)
    before = takewhile(lambda stage: stage.name != "moderate", (step.stage for step in own.steps))
    writers = last_writers(stage for stage in before if run.read_sidecar(stage.name, 0) is not None)
    if where is not None and where not in writers:
        raise ConfigError(
            f"{run.root} has no column {where!r} yet, by which {pipeline.name} picks what is moderated; run its "
            "pipeline up to there first (--until)"
        )
    needed = {name: writers[name] for name in ("messages", *([] if where is None else [where]))}
    shards = finished_shards(run, set(needed.values()))
    if not shards:
        raise ConfigError(f"{run.root} holds nothing yet; run its pipeline up to before `moderate` (--until) first")
    return Given(run, tuple(shards), needed, where)


def volume(messages: pa.Array, window: int, limit: int) -> Volume:
    """The work of conversations, told from lengths alone.

    Args:
        messages: `list<struct<role, content, ...>>`.
        window: messages of context, moved on as the stage does.
        limit: characters of a message, and of its context, that are shown.
    """
    content = pc.struct_field(pc.list_flatten(messages), "content")
    row = pc.list_parent_indices(messages).to_numpy()
    there = filled(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(content)), 0))
    length = pc.fill_null(pc.utf8_length(content), 0).to_numpy(zero_copy_only=False)[there].astype(np.int64)
    row = row[there].astype(np.int64)
    shown = np.minimum(length, limit).sum() + np.minimum(context_lengths(row, length, window), limit).sum()
    return Volume(len(messages), len(length), int(shown))


def context_lengths(row: Ints, length: Ints, window: int) -> Ints:
    """For each message the characters of its context.

    Args:
        row: `(messages,)`, the conversation of each, in order.
        length: `(messages,)`, characters.
        window: messages of context; the beginning moves on in steps of half of it.
    """
    if not len(row) or not window:
        return np.zeros(len(row), dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
    start = np.repeat(starts, np.diff(np.r_[starts, len(row)]))
    place = np.arange(len(row)) - start
    step = max(1, window // 2)
    first = -(-np.maximum(0, place - window) // step) * step
    before = np.r_[0, np.cumsum(length)]
    found: Ints = before[start + place] - before[start + first]
    return found


def drawn(source: Given, sizes: Sequence[int], count: int, seed: int) -> pa.Array:
    """`count` conversations of a run at random, in a random order; all of them where there are no more.

    Args:
        source: the run.
        sizes: conversations by shard, as `messages` yields them.
        count: how many.
        seed: the same seed draws the same ones.
    """
    total = sum(sizes)
    picks = np.random.default_rng(seed).permutation(total)[:count]
    found: list[pa.Array] = []
    offset = 0
    for size, messages in zip(sizes, source.messages(), strict=True):
        inside = np.sort(picks[(picks >= offset) & (picks < offset + size)]) - offset
        found.append(messages.take(pa.array(inside)))
        offset += size
    rows = pa.concat_arrays(found)
    order = np.argsort(np.argsort(picks))
    return rows.take(pa.array(order))
