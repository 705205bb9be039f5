"""`lmsys_chat`: rows of lmsys/lmsys-chat-1m, and of every release that has its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlog.sources.fields import Fields
from chatlog.sources.messages import read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.stage import Config


class LmsysChat(Config):
    """`lmsys_chat` has no settings."""


def parse(value: Any, _: LmsysChat) -> list[Draft]:
    """One draft; `turn`, `language`, `openai_moderation` and `redacted` stay in `meta`."""
    fields = Fields(value, "the row")
    conversation = fields.take("conversation")
    if conversation is None:
        raise Reject("no_conversation", "the row has no conversation")
    talk = read_talk(conversation, "conversation", nulls=False)
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text("conversation_id"),
            model=fields.text("model"),
            created_at=fields.time("tstamp", "timestamp", "created_at"),
            user_id=fields.user("user_id", "ip"),
            truncated=unanswered(talk),
        )
    )
    draft.meta = fields.meta(talk.more)
    return [draft]


def recognise(value: Any) -> float:
    """0.95 for a conversation of roles with a conversation_id and a model."""
    if not isinstance(value, Mapping) or not isinstance(value.get("conversation"), list):
        return 0.0
    first = value["conversation"][0] if value["conversation"] else None
    if not isinstance(first, Mapping) or "role" not in first or "content" not in first:
        return 0.0
    return 0.95 if "conversation_id" in value and "model" in value else 0.0


READER = Reader("lmsys_chat", LmsysChat, parse, recognise)
"""LMSYS-Chat-1M's rows."""
