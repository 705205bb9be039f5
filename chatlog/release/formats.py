"""The published formats: which columns a release has, and what their types do not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from chatlog.schema import PUBLISHED


def _nothing(_: pa.Table) -> Iterator[str]:
    return iter(())


@dataclass(frozen=True)
class Format:
    """One published format.

    Attributes:
        name: what `[release] format` calls it.
        id: the column that names a row.
        sort: the columns that files are sorted by where the recipe says nothing else.
        conversations_a_row: how many conversations of the run one row tells: 2 for a battle.
        run_id: SQL of what `id` is made of, over columns of ingest.
        run_columns: those.
        rules: what the schema cannot say; yields one sentence a fault.
    """

    name: str
    id: str
    sort: tuple[str, ...]
    conversations_a_row: int = 1
    run_id: str = "conversation_id"
    run_columns: tuple[str, ...] = ("conversation_id",)
    rules: Callable[[pa.Table], Iterator[str]] = _nothing

    @property
    def schema(self) -> pa.Schema:
        """The columns in their order; others may follow them."""
        return PUBLISHED[self.name]

    def faults(self, table: pa.Table) -> Iterator[str]:
        """What of a published table is not of this format: names, order, types, then the rules."""
        schema = self.schema
        if table.column_names[: len(schema)] != schema.names:
            yield f"the first columns should be {', '.join(schema.names)}"
            return
        for field in schema:
            if table.schema.field(field.name).type != field.type:
                yield f"{field.name} is {table.schema.field(field.name).type}, expected {field.type}"
                return
        if table[self.id].null_count or pc.any(pc.equal(table[self.id], "")).as_py():
            yield f"{self.id} is empty in a row"
        yield from self.rules(table)


def _messages_rules(column: str) -> Callable[[pa.Table], Iterator[str]]:
    """Of a column of lists of messages: none is empty, and every message has a role and a content."""

    def rules(table: pa.Table) -> Iterator[str]:
        lengths = pc.list_value_length(table[column])
        if not _all(pc.greater(lengths, 0)):
            yield f"{column} is empty in a row"
        for part in ("role", "content"):
            if pc.struct_field(pc.list_flatten(table[column]), part).null_count:
                yield f"{column} holds a message without a {part}"

    return rules


def _judged(*others: str) -> Callable[[pa.Table], Iterator[str]]:
    """Of formats with a judgment a message: `openai_moderation`, and `others` where they are not null, fit."""

    def rules(table: pa.Table) -> Iterator[str]:
        yield from _messages_rules("conversation")(table)
        lengths = pc.list_value_length(table["conversation"])
        if not _all(pc.equal(lengths, pc.list_value_length(table["openai_moderation"]))):
            yield "openai_moderation does not hold one judgment a message"
        for name in others:
            if not _all(pc.fill_null(pc.equal(lengths, pc.list_value_length(table[name])), True)):
                yield f"{name} does not hold one judgment a message"

    return rules


_WINNERS: Final = ("model_a", "model_b", "tie", "tie (bothbad)")


def _battle(table: pa.Table) -> Iterator[str]:
    for side in "ab":
        yield from _messages_rules(f"conversation_{side}")(table)
    if not _all(pc.is_in(table["winner"], pa.array(_WINNERS))):
        yield f"winner is none of {', '.join(_WINNERS)} in a row"


def _trainable(table: pa.Table) -> Iterator[str]:
    yield from _messages_rules("messages")(table)
    if table.num_rows and not _all(pc.equal(_last_roles(table), "assistant")):
        yield "messages do not end with an answer in a row"


def _last_roles(table: pa.Table) -> pa.Array:
    # Not list_element(-1), which Arrow does not have: the last value of a list stands before the next one's first.
    lists = table["messages"].combine_chunks()
    lengths = pc.list_value_length(lists)
    filled = lists.filter(pc.greater(lengths, 0))
    ends = pc.subtract(pc.cumulative_sum(pc.list_value_length(filled)), 1)
    return pc.struct_field(pc.list_flatten(filled), "role").take(ends)


def _all(flags: pa.ChunkedArray | pa.Array) -> bool:
    """Whether all are true; a null is not, and an empty column holds nothing that is false."""
    return bool(len(flags) == 0 or pc.all(flags, skip_nulls=False).as_py())


FORMATS: Final = {
    known.name: known
    for known in (
        Format("lmsys-chat-1m", "conversation_id", ("language", "model", "conversation_id"), rules=_judged()),
        Format(
            "chatbot_arena_conversations",
            "question_id",
            ("language", "model_a", "model_b", "question_id"),
            conversations_a_row=2,
            # A battle is published under its question's id, or its own.
            run_id="coalesce(meta->>'$.question_id', battle_id)",
            run_columns=("meta", "battle_id"),
            rules=_battle,
        ),
        Format(
            "wildchat-1m",
            "conversation_hash",
            ("language", "model", "conversation_hash"),
            rules=_judged("detoxify_moderation"),
        ),
        Format("training", "id", ("language", "model", "id"), rules=_trainable),
    )
}
"""All formats by name: those of `chatlog.schema.PUBLISHED`."""
