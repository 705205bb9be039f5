"""`prompts`: what users asked, without the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.fields import Fields
from chatlog.sources.record import Draft, Reader, Reject, Turn
from chatlog.sources.values import kind
from chatlog.stage import Config

_FIELDS: Final = ("prompt", "instruction", "query", "question", "goal", "text", "input", "content", "message")


class Prompts(Config):
    """Settings of `prompts`."""

    field: str = ""
    """The field that holds the prompt; empty takes the first usual one that is a text."""


def parse(value: Any, config: Prompts) -> list[Draft]:
    """One draft of one turn."""
    if isinstance(value, str) and value:
        return [Draft([Turn("user", value)])]
    fields = Fields(value, "the record")
    candidates = (config.field,) if config.field else _FIELDS
    key = next((name for name in candidates if isinstance(fields.record.get(name), str)), None)
    if key is None:
        found = kind(fields.record.get(config.field)) if config.field else "none"
        raise Reject("no_conversation", f"no field of the record holds a prompt, found {found}")
    text = fields.take(key)
    if not text.strip():
        raise Reject("no_conversation", f"{key} is empty")
    draft = Draft(
        [Turn("user", text)],
        conversation_id=fields.text("conversation_id", "id", "uid"),
        model=fields.text("model"),
        created_at=fields.time("created_at", "timestamp", "tstamp"),
        user_id=fields.user("user_id", "user", "ip", "hashed_ip"),
        system=fields.string("system"),
    )
    draft.meta = fields.meta({"field": key})
    return [draft]


def recognise(value: Any) -> float:
    """0.4 for a text in a field that usually holds a prompt, 0.2 for a text alone."""
    if isinstance(value, str):
        return 0.2 if value else 0.0
    if not isinstance(value, Mapping):
        return 0.0
    return 0.4 if any(isinstance(value.get(name), str) and value[name] for name in _FIELDS) else 0.0


READER = Reader("prompts", Prompts, parse, recognise)
"""Prompts alone."""
