"""`litellm`: LiteLLM's standard logging payloads and rows of its spend log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.exchanges import items_of
from chatlog.sources.fields import Fields
from chatlog.sources.messages import read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.responses import CUT_REASONS, beside_repeat, repeats
from chatlog.sources.values import decoded, text
from chatlog.stage import Config

_REDACTED: Final = "redacted-by-litellm"
_USER_KEYS: Final = ("end_user", "user", "user_id", "requester_ip_address", "api_key")


class LiteLLM(Config):
    """`litellm` has no settings."""


def parse(value: Any, _: LiteLLM) -> list[Draft]:
    """One draft: the request's messages and the first choice of the response."""
    fields = Fields(value, "the record")
    inner = fields.record.get("standard_logging_object")
    around: dict[str, Any] = {}
    if isinstance(inner, Mapping):
        around = {key: item for key, item in fields.record.items() if key != "standard_logging_object"}
        fields = Fields(inner, "standard_logging_object")
    record = fields.record
    asked = record.get("messages")
    request = decoded(record.get("proxy_server_request"))
    if not asked and isinstance(request, Mapping):
        asked = request
        fields.take("proxy_server_request")
    if isinstance(asked, str) and asked.startswith(_REDACTED):
        raise Reject("no_conversation", "messages were redacted by LiteLLM before they were logged")
    items, asked_rest = items_of(asked, "user")
    if not items:
        raise Reject("no_conversation", "messages hold no message")
    answers, answer_rest = items_of(record.get("response"), "assistant")
    redacted = any(item.get("content") == _REDACTED for item in [*items, *answers])
    fields.take("messages")
    fields.take("response")
    more: dict[str, Any] = {"around": around} if around else {}
    if asked_rest is not None:
        more["request"] = asked_rest
    if answer_rest is not None:
        more["response"] = answer_rest
    if answers and repeats(items, answers[0]):
        more.update(beside_repeat(answers[0]))
    else:
        items = [*items, *answers]
    if redacted:
        raise Reject("no_conversation", "the texts were redacted by LiteLLM before they were logged")
    talk = read_talk(items, "messages")
    metadata = record.get("metadata")
    nested = metadata if isinstance(metadata, Mapping) else {}
    user_id = fields.user(*_USER_KEYS) or text(nested.get("user_api_key_user_id"))
    if user_id is None and isinstance(request, Mapping):
        user_id = text(request.get("user"))
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text("session_id", "trace_id", "id", "request_id", "litellm_call_id"),
            model=fields.text("model", "model_group"),
            created_at=fields.time("startTime", "start_time"),
            user_id=user_id,
        )
    )
    draft.truncated = (
        record.get("status") == "failure" or not answers or unanswered(talk) or _is_cut(record.get("response"))
    )
    draft.meta = fields.meta({**more, **talk.more})
    return [draft]


def _is_cut(response: Any) -> bool:
    body = decoded(response)
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, Mapping) else None
    return isinstance(reason, str) and reason in CUT_REASONS


def recognise(value: Any) -> float:
    """0.95 for a call_type beside messages and a response."""
    if not isinstance(value, Mapping):
        return 0.0
    inner = value.get("standard_logging_object")
    if isinstance(inner, Mapping):
        return recognise(inner)
    if "call_type" not in value or not {"messages", "proxy_server_request"} & value.keys():
        return 0.0
    return 0.95 if {"response", "startTime", "spend", "response_cost"} & value.keys() else 0.0


READER = Reader("litellm", LiteLLM, parse, recognise)
"""LiteLLM's logs."""
