"""`transcript_anthropic`: texts with `Human:` and `Assistant:` paragraphs, or a chosen and a rejected one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.fields import Fields
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.transcripts import take_apart, text_field
from chatlog.sources.values import digest
from chatlog.stage import Config

MARKER: Final = re.compile(r"(?:\A|\n\n)(Human|Assistant|System): ?")
"""The marker of a turn in Anthropic/hh-rlhf and in the text completion API."""

_FIELDS: Final = ("text", "transcript", "prompt", "input", "conversation", "dialogue")
_ANSWERS: Final = ("completion", "output", "response")


class TranscriptAnthropic(Config):
    """Settings of `transcript_anthropic`."""

    field: str = ""
    """The field that holds the text; empty takes chosen and rejected, or a usual one that has a marker."""


def parse(value: Any, config: TranscriptAnthropic) -> list[Draft]:
    """One draft; for a chosen and a rejected text two, of which a is the chosen one."""
    fields = Fields(value, "the record")
    chosen, rejected = fields.record.get("chosen"), fields.record.get("rejected")
    if not config.field and isinstance(chosen, str) and isinstance(rejected, str):
        battle_id = digest([chosen, rejected])
        fields.take("chosen")
        fields.take("rejected")
        drafts = []
        for side, transcript in (("a", chosen), ("b", rejected)):
            draft = _draft(fields, transcript, {}, None)
            draft.conversation_id = draft.conversation_id and f"{draft.conversation_id}:{side}"
            draft.battle_id, draft.battle_side, draft.winner = battle_id, side, "model_a"
            drafts.append(draft)
        return drafts
    key = config.field or text_field(fields.record, MARKER, _FIELDS)
    text = fields.record.get(key) if key else None
    if key is None or not isinstance(text, str):
        raise Reject("no_conversation", "no field of the record is a text with markers")
    fields.take(key)
    answer = next((name for name in _ANSWERS if name != key and isinstance(fields.record.get(name), str)), None)
    reply = fields.take(answer) if answer else None
    more = {"field": key, **({"reply_field": answer} if answer else {})}
    return [_draft(fields, text, more, reply)]


def _draft(fields: Fields, text: str, more: Mapping[str, Any], reply: str | None) -> Draft:
    transcript = take_apart(text, MARKER)
    draft = transcript.draft(reply)
    draft.conversation_id = fields.text("conversation_id", "id")
    draft.model = fields.text("model")
    draft.created_at = fields.time("created_at", "timestamp", "tstamp")
    draft.user_id = fields.user("user_id", "user", "ip")
    draft.meta = fields.meta({**more, **transcript.more()})
    return draft


def recognise(value: Any) -> float:
    """0.95 for chosen and rejected transcripts, 0.85 for a usual field that is one."""
    if not isinstance(value, Mapping):
        return 0.0
    chosen, rejected = value.get("chosen"), value.get("rejected")
    if isinstance(chosen, str) and isinstance(rejected, str) and MARKER.search(chosen):
        return 0.95
    return 0.85 if text_field(value, MARKER, _FIELDS) else 0.0


READER = Reader("transcript_anthropic", TranscriptAnthropic, parse, recognise, fanout=2)
"""Texts with `Human:` paragraphs."""
