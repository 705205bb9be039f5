"""`otel_genai`: spans of calls to a model, by OpenTelemetry's conventions for generative AI.

The conventions have moved the texts about; all their places are read: the attributes
`gen_ai.input.messages` and `gen_ai.output.messages` (of the span or of its operation-details
event), events a message (`gen_ai.user.message`, `gen_ai.choice`), the events
`gen_ai.content.prompt` and `gen_ai.content.completion`, and the numbered attributes of
OpenLLMetry (`gen_ai.prompt.0.content`) and OpenInference (`llm.input_messages.0.message.content`).
Spans of a batch that hold no messages are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from chatlog.sources.exchanges import items_of
from chatlog.sources.fields import Fields
from chatlog.sources.messages import Talk, content_of, read_talk, unanswered
from chatlog.sources.otlp import Span, numbered, spans_of
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.responses import CUT_REASONS
from chatlog.sources.values import decoded
from chatlog.stage import Config

_CONVERSATION: Final = ("gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id")
_MODEL: Final = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_USER: Final = (
    "enduser.id",
    "user.id",
    "llm.user",
    "gen_ai.user",
    "traceloop.association.properties.user_id",
)
_EVENT_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}


class OtelGenAI(Config):
    """`otel_genai` has no settings."""


def parse(value: Any, _: OtelGenAI) -> list[Draft]:
    """One draft for each span that holds a conversation; a record is a span or an OTLP batch of them."""
    drafts = [draft for span in spans_of(value) if (draft := _draft(span)) is not None]
    if not drafts:
        raise Reject("no_conversation", "no span has gen_ai attributes or events with messages")
    return drafts


def _draft(span: Span) -> Draft | None:
    fields = Fields(span.attributes, "attributes")
    items, more = _items(span, fields)
    if not items:
        return None
    key = "parts" if any("parts" in item for item in items) else "content"
    if key == "parts":  # some libraries write content and parts side by side
        items = [item if "parts" in item else _renamed(item, "content", "parts") for item in items]
    talk = read_talk(items, "messages", content_key=key)
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text(*_CONVERSATION) or span.trace_id,
            model=fields.text(*_MODEL),
            created_at=span.start,
            user_id=fields.user(*_USER),
            system=_instructions(fields, more),
            truncated=unanswered(talk) or talk.turns[-1].role != "assistant" or _is_cut(talk, span),
        )
    )
    draft.meta = Fields(span.rest, "the span").meta({"attributes": fields.meta(), **more, **talk.more})
    return draft


def _items(span: Span, fields: Fields) -> tuple[list[Any], dict[str, Any]]:
    """The messages of a span, wherever they are, and what the place held beside them."""
    holders = [fields, *(Fields(event, "event") for _, event in span.events)]
    more: dict[str, Any] = {}
    for holder in holders:
        for asked_key, answer_key in (
            ("gen_ai.input.messages", "gen_ai.output.messages"),
            ("gen_ai.prompt", "gen_ai.completion"),
            ("input.value", "output.value"),
        ):
            if asked_key not in holder.record:
                continue
            asked, asked_rest = items_of(holder.take(asked_key), "user")
            answers, answer_rest = items_of(holder.take(answer_key), "assistant")
            if not asked:
                continue
            if asked_rest is not None:
                more["request"] = asked_rest
            if answer_rest is not None:
                more["response"] = answer_rest
            if not answers:  # the completion has an event of its own
                others = [event for _, event in span.events if answer_key in event]
                answers = [item for event in others for item in items_of(event[answer_key], "assistant")[0]]
                rests = [{key: item for key, item in event.items() if key != answer_key} for event in others]
                if any(rests):
                    more["answer_events"] = rests
            beside = holder.meta() if holder is not fields else {}
            if beside:
                more["event"] = beside
            return [*asked, *answers], more
    told = [item for name, event in span.events if (item := _event_item(name, event)) is not None]
    if told:
        return told, more
    for asked_key, answer_key, inner in (
        ("gen_ai.prompt.", "gen_ai.completion.", ""),
        ("llm.input_messages.", "llm.output_messages.", "message."),
    ):
        asked = numbered(fields, asked_key, inner, "user")
        if asked:
            return [*asked, *numbered(fields, answer_key, inner, "assistant")], more
    return [], more


def _renamed(item: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in item.items()}


def _event_item(name: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
    role = _EVENT_ROLES.get(name)
    if role is None:
        return None
    message = decoded(event.get("message"))
    if isinstance(message, Mapping):
        rest = {key: item for key, item in event.items() if key != "message"}
        return {"role": role, **rest, **message}
    return {"role": role, **event}


def _instructions(fields: Fields, more: dict[str, Any]) -> str | None:
    """The system prompt that stands apart from the messages."""
    value = decoded(fields.record.get("gen_ai.system_instructions"))
    if not isinstance(value, str | list):
        return None
    found, left = content_of(value, "gen_ai.system_instructions")
    if found is not None:
        fields.take("gen_ai.system_instructions")
        if left is not None:
            more["system_instructions"] = left
    return found or None


def _is_cut(talk: Talk, span: Span) -> bool:
    left = talk.more.get("messages", {}).get(str(len(talk.turns) - 1), {})
    reasons: list[Any] = [left.get("finish_reason")]
    logged = decoded(span.attributes.get("gen_ai.response.finish_reasons"))
    reasons += logged if isinstance(logged, list) else [logged]
    return any(isinstance(reason, str) and reason in CUT_REASONS for reason in reasons)


def _marks(value: Any) -> Iterator[float]:
    for span in spans_of(value):
        names = [*span.attributes, *(name for name, _ in span.events)]
        if any(name.startswith(("gen_ai.", "llm.input_messages.")) for name in names):
            yield 1.0
        elif span.trace_id is not None:
            yield 0.3


def recognise(value: Any) -> float:
    """1 for a span with gen_ai attributes or events, 0.3 for any other span."""
    try:
        return max(_marks(value), default=0.0)
    except Reject:
        return 0.0


READER = Reader("otel_genai", OtelGenAI, parse, recognise)
"""Spans of calls to a model."""
