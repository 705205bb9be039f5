"""One call of a model, logged as an input and an output of any of the usual shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.messages import ROLE_NAMES
from chatlog.sources.values import decoded

_TEXT_KEYS: Final = (
    *("input", "prompt", "query", "question", "user_input", "text", "content", "message"),
    *("output", "response", "answer", "completion", "result"),
)


def items_of(value: Any, role: str) -> tuple[list[Any], Any]:
    """The messages in an input or output, and what stands beside them (None where nothing does).

    Read are: a list of messages, an object with `messages`, one message, a chat completion
    (`choices`), an object with one of the usual names of a text, and a text, which `role` says.
    A string that holds JSON is read as that.
    """
    value = decoded(value)
    if isinstance(value, str):
        return ([{"role": role, "content": value}] if value else []), None
    if isinstance(value, list):
        items = [_named(item) for item in value]
        if items and all(isinstance(item, Mapping) and "role" in item for item in items):
            return items, None
        return [], value or None
    if not isinstance(value, Mapping):
        return [], value
    messages = decoded(value.get("messages"))
    if isinstance(messages, list) and messages:
        items, left = items_of(messages, role)
        if left is None:
            return items, {key: item for key, item in value.items() if key != "messages"} or None
        return [], value
    whole = _named(value)
    if "role" in whole and ("content" in whole or "tool_calls" in whole or "parts" in whole):
        return [whole], None
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        first = choices[0]
        message = first.get("message")
        if isinstance(message, Mapping):
            rest = {key: item for key, item in first.items() if key != "message"}
            return [{"role": role, **message}], {**value, "choices": [rest, *choices[1:]]}
    for key in _TEXT_KEYS:
        said = value.get(key)
        if isinstance(said, str) and said:
            rest = {name: item for name, item in value.items() if name != key}
            return [{"role": role, "content": said}], {**rest, key: {"length": len(said)}}
    return [], value


def _named(item: Any) -> Any:
    """The message with its role under that name; LangChain's messages have it under `type`."""
    if isinstance(item, Mapping) and "role" not in item:
        of = item.get("type")
        if isinstance(of, str) and of in ROLE_NAMES and "content" in item:
            return {**{key: value for key, value in item.items() if key != "type"}, "role": of}
    return item
