"""`openai_messages`: conversations as lists of OpenAI chat messages, with or without the logged response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatlog.sources.fields import Fields
from chatlog.sources.messages import ROLE_NAMES, read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.responses import beside_repeat, repeats, split_response
from chatlog.sources.values import decoded, text, to_micros
from chatlog.stage import Config

_USER_KEYS = ("user", "user_id", "hashed_ip", "ip", "end_user", "safety_identifier")


class OpenAIMessages(Config):
    """`openai_messages` has no settings."""


def parse(value: Any, _: OpenAIMessages) -> list[Draft]:
    """One draft: the request's messages and, where it is logged, the first choice of the response."""
    fields = Fields(value, "the record")
    record = fields.record
    if "messages" not in record and not isinstance(record.get("request"), Mapping):
        raise Reject("no_conversation", "the record has no messages")
    more: dict[str, Any] = {}
    request: Mapping[str, Any] = record
    if "messages" in record:
        messages = decoded(fields.take("messages"))
    else:
        request = fields.take("request")
        messages = decoded(request.get("messages"))
        more["request"] = {key: item for key, item in request.items() if key != "messages"}
    response = split_response(record)
    if response.message is not None and isinstance(messages, list):
        for key in response.read:
            fields.take(key)
        more.update(response.rest)
        if repeats(messages, response.message):
            more.update(beside_repeat(response.message))
        else:
            messages = [*messages, response.message]
    talk = read_talk(messages, "messages")
    metadata = record.get("metadata")
    nested = metadata if isinstance(metadata, Mapping) else {}
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text("conversation_id", "chat_id", "id", "uid", "uuid", "session_id"),
            model=fields.text("model", "model_name", "model_id") or text(request.get("model")) or response.model,
            created_at=fields.time("created_at", "created", "tstamp", "timestamp", "time", "date"),
            user_id=fields.user(*_USER_KEYS) or text(request.get("user")) or text(nested.get("user_id")),
            system=fields.string("system"),
        )
    )
    if draft.model is None:
        draft.model = text(nested.get("model"))
    if draft.created_at is None:
        draft.created_at = to_micros(response.created) or talk.turns[0].created_at
    draft.truncated = response.cut or unanswered(talk)
    draft.meta = fields.meta({**more, **talk.more})
    return [draft]


def recognise(value: Any) -> float:
    """0.8 for messages with roles; formats that add to this one score higher."""
    if not isinstance(value, Mapping):
        return 0.0
    messages = decoded(value.get("messages"))
    if messages is None and isinstance(value.get("request"), Mapping):
        messages = decoded(value["request"].get("messages"))
    if not isinstance(messages, list) or not messages or not isinstance(messages[0], Mapping):
        return 0.0
    role = messages[0].get("role")
    return 0.8 if isinstance(role, str) and role.lower() in ROLE_NAMES else 0.0


READER = Reader("openai_messages", OpenAIMessages, parse, recognise)
"""OpenAI chat messages."""
