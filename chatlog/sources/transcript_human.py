"""`transcript_human`: one text with `### Human:` and `### Assistant:` before each turn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.fields import Fields
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.transcripts import take_apart, text_field
from chatlog.stage import Config

MARKER: Final = re.compile(r"### ?(Human|User|Prompter|Assistant|Bot|GPT|System) ?:")
"""The marker of a turn in the Vicuna v0 template and in the data sets that took it over."""

_FIELDS: Final = ("text", "input", "prompt", "conversation", "content", "transcript")


class TranscriptHuman(Config):
    """Settings of `transcript_human`."""

    field: str = ""
    """The field that holds the text; empty takes the first usual one that has a marker."""

    reply: str = "output"
    """The field that holds the last answer, where it is logged apart; empty reads none."""


def parse(value: Any, config: TranscriptHuman) -> list[Draft]:
    """One draft."""
    fields = Fields(value, "the record")
    key = config.field or text_field(fields.record, MARKER, _FIELDS)
    text = fields.record.get(key) if key else None
    if key is None or not isinstance(text, str):
        raise Reject("no_conversation", "no field of the record is a text with markers")
    transcript = take_apart(text, MARKER)
    fields.take(key)
    reply = fields.record.get(config.reply) if config.reply and config.reply != key else None
    if isinstance(reply, str) and reply:
        fields.take(config.reply)
        draft = transcript.draft(reply)
    else:
        draft = transcript.draft()
    draft.conversation_id = fields.text("conversation_id", "id", "message_id")
    draft.model = fields.text("model")
    draft.created_at = fields.time("created_at", "timestamp", "tstamp")
    draft.user_id = fields.user("user_id", "user", "ip")
    draft.meta = fields.meta({"field": key, **transcript.more()})
    return [draft]


def recognise(value: Any) -> float:
    """0.9 for a usual field with a human's marker."""
    if not isinstance(value, Mapping):
        return 0.0
    return 0.9 if text_field(value, MARKER, _FIELDS) else 0.0


READER = Reader("transcript_human", TranscriptHuman, parse, recognise)
"""Texts with `### Human:`."""
