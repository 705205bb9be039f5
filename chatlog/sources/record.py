"""What a reader is: a pure function from one decoded record to drafts of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from chatlog.stage import Config

REASONS: Final = {
    "not_json": "the record is not JSON",
    "truncated_json": "the record ends in the middle of a JSON value",
    "invalid_utf8": "the record is not UTF-8",
    "too_deep": "the record nests too deep: more than 1,000 levels in all, or 200 in what goes to meta",
    "too_large": "the record is larger than the limit of the source",
    "not_an_object": "the record is JSON, but not of the type that the format has",
    "no_conversation": "the record holds no conversation (an event, a heartbeat, an empty state)",
    "bad_messages": "the messages are not of the form that the format has",
    "bad_field": "a field that the format needs is of another type",
    "reader_failed": "the reader could not make sense of the record",
    "unreadable_file": "the file, or what follows in it, could not be read: damaged, cut off, encrypted or too large",
    "unknown_format": "no reader recognises the records of the file",
}
"""Reason codes of rejects, and what they mean."""


class Reject(Exception):
    """Raised by a reader: no row can be made of this record."""

    def __init__(self, reason: str, hint: str) -> None:
        """Keep a code of REASONS and a hint that names fields and types, never values."""
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Rounded(Reject):
    """Raised by a reader that meets a number which decoding has rounded: the engine decodes it anew, exactly."""

    def __init__(self) -> None:
        super().__init__("bad_field", "a number is larger than 64 bits hold")


class Turn(NamedTuple):
    """One message of a draft."""

    role: str  # one of chatlog.schema.ROLES, never system for a leading system prompt
    content: str | None
    name: str | None = None
    created_at: int | None = None  # microseconds since the epoch, UTC


@dataclass(slots=True)
class Draft:
    """A row as a reader tells it; the engine adds keys, hashes and the rest.

    Attributes:
        messages: the turns in order, without the leading system prompt.
        conversation_id: the source's id; None lets the engine derive one from the record.
        user_id: whatever tells one user from another (an id, an IP); only its keyed hash is stored.
        created_at: microseconds since the epoch, UTC.
        winner: model_a, model_b, tie or tie (bothbad).
        truncated: the last answer is missing, cut off or a service error.
        meta: every field of the record that no column holds, as JSON values; identity fields
            (user ids, IPs) stay out.
    """

    messages: list[Turn]
    conversation_id: str | None = None
    model: str | None = None
    created_at: int | None = None
    user_id: str | None = None
    system: str | None = None
    feedback: str | None = None
    battle_id: str | None = None
    battle_side: str | None = None
    winner: str | None = None
    truncated: bool = False
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """One format of chat logs.

    Attributes:
        name: what a pipeline calls it.
        config: its settings.
        parse: from the decoded record (what JSON or a Parquet row holds) to one draft for each
            conversation that it tells; raises Reject. Must not change the value it is given.
        recognise: how surely a decoded record is of this format, 0 (no) to 1 (no other format
            looks like this); used by `reader = "auto"`.
        fanout: how many conversations one record tells at most, for formats that are not trees;
            it bounds the rows of a shard.
        also_read: names of fields in which an archive or a document keeps its list of records,
            for files that are one JSON object (`{"chats": [...]}`).
        group: for formats of one message a record: the key that the records of one conversation
            share, None for a record that stands alone. Where a file has such records, `parse` is
            given the list of those with one key (chatlog.sources.grouping).
    """

    name: str
    config: type[Config]
    parse: Callable[[Any, Any], list[Draft]]
    recognise: Callable[[Any], float]
    fanout: int = 1
    also_read: tuple[str, ...] = ()
    group: Callable[[Any], str | None] | None = None
