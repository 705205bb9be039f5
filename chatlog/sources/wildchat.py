"""`wildchat`: rows of allenai/WildChat and WildChat-1M (Parquet, or the same as JSON)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlog.sources.fields import Fields
from chatlog.sources.messages import read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.values import text
from chatlog.stage import Config


class WildChat(Config):
    """`wildchat` has no settings."""


def parse(value: Any, _: WildChat) -> list[Draft]:
    """One draft; the moderation results, places, headers and languages stay in `meta`."""
    fields = Fields(value, "the row")
    conversation = fields.take("conversation")
    if conversation is None:
        raise Reject("no_conversation", "the row has no conversation")
    talk = read_talk(conversation, "conversation", nulls=False)
    user_id = fields.user("hashed_ip", "ip")
    if user_id is None:
        user_id = next((found for item in conversation if (found := text(item.get("hashed_ip")))), None)
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text("conversation_hash", "conversation_id"),
            model=fields.text("model"),
            created_at=fields.time("timestamp"),
            user_id=user_id,
            truncated=unanswered(talk),
        )
    )
    draft.meta = fields.meta(talk.more)
    return [draft]


def recognise(value: Any) -> float:
    """1 for a conversation with a hash, or whose messages have WildChat's fields."""
    if not isinstance(value, Mapping) or not isinstance(value.get("conversation"), list):
        return 0.0
    if "conversation_hash" in value or "detoxify_moderation" in value:
        return 1.0
    first = value["conversation"][0] if value["conversation"] else None
    return 1.0 if isinstance(first, Mapping) and "role" in first and "toxic" in first else 0.0


READER = Reader("wildchat", WildChat, parse, recognise)
"""WildChat's rows."""
