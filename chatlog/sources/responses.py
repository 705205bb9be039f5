"""A chat completion that was logged beside its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chatlog.sources.values import decoded, text

CUT_REASONS: Final = frozenset({"length", "content_filter", "max_tokens", "error"})
"""Finish reasons of an answer that is not whole."""


@dataclass(slots=True)
class Response:
    """The answer in a logged response, and the rest of it.

    Attributes:
        message: the first choice's message; None where there is no response.
        rest: fields for `meta`: the response without that message.
        read: the record's fields that `rest` stands for.
        model: the model that answered.
        created: when, as logged.
        cut: the answer is not whole.
    """

    message: Mapping[str, Any] | None = None
    rest: dict[str, Any] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    model: str | None = None
    created: Any = None
    cut: bool = False


def split_response(record: Mapping[str, Any], *keys: str) -> Response:
    """The response in one of the fields `keys`, `response`, `completion` or `output`, or in `choices`."""
    for key in (*keys, "response", "completion", "output"):
        body = decoded(record.get(key))
        if isinstance(body, Mapping):
            inner = body.get("body")  # of the batch API: {"status_code", "body"}
            found = _of(inner if isinstance(inner, Mapping) else body)
            if found.message is not None:
                whole = {**body, "body": found.rest} if isinstance(inner, Mapping) else found.rest
                found.rest, found.read = {key: whole}, (key,)
                return found
    if "choices" in record:
        found = _of(record)
        if found.message is not None:
            found.rest, found.read = {"choices": found.rest["choices"]}, ("choices",)
            return found
    return Response()


def repeats(messages: list[Any], answer: Mapping[str, Any]) -> bool:
    """Whether the request's messages already end with the answer, as some loggers write it."""
    last = messages[-1] if messages else None
    content = answer.get("content")
    return (
        isinstance(last, Mapping)
        and last.get("role") == "assistant"
        and isinstance(content, str)
        and last.get("content") == content
    )


def beside_repeat(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a repeated answer tells beside its role and text, for `meta`."""
    told = ("role", "content") if answer.get("role") == "assistant" else ("content",)
    rest = {key: item for key, item in answer.items() if key not in told}
    return {"answer": rest} if rest else {}


def _of(body: Mapping[str, Any]) -> Response:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, Mapping):
        return Response()
    message = first.get("message")
    if isinstance(message, Mapping):
        message = message if "role" in message else {"role": "assistant", **message}
        used = "message"
    elif isinstance(first.get("text"), str):
        message, used = {"role": "assistant", "content": first["text"]}, "text"
    else:
        return Response()
    left = {key: item for key, item in first.items() if key != used}
    assert isinstance(choices, list)
    reason = first.get("finish_reason")
    return Response(
        message=message,
        rest={**body, "choices": [left, *choices[1:]]},
        model=text(body.get("model")),
        created=body.get("created"),
        cut=isinstance(reason, str) and reason in CUT_REASONS,
    )
