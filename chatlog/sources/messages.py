"""Lists of messages that are objects with a role and a content, as most formats have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from chatlog.sources.record import Draft, Reject, Turn
from chatlog.sources.values import kind, to_micros

ROLE_NAMES: Final[dict[str, str]] = {
    name: role
    for role, names in {
        "system": "system developer system_prompt instructions",
        "user": "user human prompter customer client question questioner usr",
        "assistant": (
            "assistant gpt chatgpt bard bing bingchat model bot ai llm claude gemini agent answer chatbot"
            " function_call tool_call tool_calls"
        ),
        "tool": (
            "tool function function_response function_result observation ipython"
            " tool_response tool_result tool_results environment"
        ),
    }.items()
    for name in names.split()
}
"""Every source's own name of a role, in lower case, and ours (chatlog.schema.ROLES)."""

OPENAI_NAMES: Final = {role: role for role in ("system", "user", "assistant", "tool")}
SHAREGPT_NAMES: Final = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}

_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_TEXT_KEYS = ("text", "answer", "content", "value")
_TIME_KEYS = ("created_at", "timestamp", "create_time", "created", "time")


@dataclass(slots=True)
class Talk:
    """What a list of messages tells.

    Attributes:
        turns: the messages without the leading system prompts.
        system: the leading system prompts, joined by an empty line.
        more: what the turns do not hold, for `meta`: `messages` (by the index of the turn),
            `system_messages` (in order, when they hold more than one plain text).
    """

    turns: list[Turn] = field(default_factory=list)
    system: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def fill(self, draft: Draft) -> Draft:
        """The draft, with the turns, the system prompt and `more` added to it."""
        draft.messages = self.turns
        if draft.system is None:
            draft.system = self.system
        elif self.system is not None:  # one of a field of its own, one of the messages
            self.more["system_field_length"] = len(draft.system)
            draft.system = f"{draft.system}\n\n{self.system}"
        return draft


def content_of(value: Any, where: str) -> tuple[str | None, Any]:
    """The text of a message's content, and what the text does not tell (None when it tells all).

    Content may be a text, null, an array of parts or an object with a text. In what is left, the
    text itself is replaced by its length in code points: conversation text stands in `messages`
    alone, where it is redacted.

    Raises:
        Reject: bad_messages.
    """
    if value is None or isinstance(value, str):
        return value, None
    if isinstance(value, list):
        return _parts(value)
    if isinstance(value, Mapping):
        key = _text_key(value)
        if key:
            return value[key], {**value, key: {"length": len(value[key])}}
        return None, dict(value)
    raise Reject("bad_messages", f"{where} should be text, an array of parts or null, found {kind(value)}")


def _parts(parts: list[Any]) -> tuple[str | None, list[Any]]:
    texts: list[str] = []
    left: list[Any] = []
    for part in parts:
        key = _part_key(part) if isinstance(part, Mapping) else ""
        if isinstance(part, str):
            texts.append(part)
            left.append({"length": len(part)})
        elif key:
            texts.append(part[key])
            left.append({**part, key: {"length": len(part[key])}})
        else:
            left.append(part)
    return ("\n".join(texts) if texts else None), left


def _part_key(part: Mapping[str, Any]) -> str:
    """The field that holds a part's text, empty where the part is no text."""
    of = part.get("type")
    if of == "tool_call_response":
        return "response" if isinstance(part.get("response"), str) else ""
    return _text_key(part) if of is None or (isinstance(of, str) and of in _TEXT_PARTS) else ""


def _text_key(value: Mapping[str, Any]) -> str:
    for key in _TEXT_KEYS:
        if isinstance(value.get(key), str):
            return key
    return ""


def role_of(name: Any, where: str) -> str:
    """Our role for a source's name of one.

    Raises:
        Reject: bad_messages.
    """
    if not isinstance(name, str):
        raise Reject("bad_messages", f"{where} should be a role's name, found {kind(name)}")
    role = ROLE_NAMES.get(name) or ROLE_NAMES.get(name.strip().lower()[:20])
    if role is None:
        raise Reject("bad_messages", f"{where} names no known role")
    return role


def read_talk(
    items: Any,
    where: str,
    *,
    role_key: str = "role",
    content_key: str = "content",
    spelled: Mapping[str, str] = OPENAI_NAMES,
    nulls: bool = True,
) -> Talk:
    """The turns of a list of messages.

    Args:
        items: the list.
        where: its name in hints.
        role_key: the field of a message that names the speaker.
        content_key: the field that holds the text.
        spelled: the format's own name of each role; other spellings are kept in `more`.
        nulls: whether a field that is null tells anything; in a Parquet table it only fills the row.

    Raises:
        Reject: bad_messages, no_conversation.
    """
    if not isinstance(items, list):
        raise Reject("bad_messages", f"{where} should be an array, found {kind(items)}")
    talk = Talk()
    prompts: list[str] = []
    prompt_fields: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    for position, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise Reject("bad_messages", f"{where}[{position}] should be an object, found {kind(item)}")
        name = item.get(role_key)
        role = role_of(name, f"{where}[{position}].{role_key}")
        content = item.get(content_key)
        left: dict[str, Any] = {}
        if not isinstance(content, str):
            content, parts = content_of(content, f"{where}[{position}].{content_key}")
            if parts is not None:
                left[content_key] = parts
        if name != spelled[role]:
            left[role_key] = name
        speaker, created_at = None, None
        if len(item) > 2:
            for key, value in item.items():
                if key != role_key and key != content_key and (nulls or value is not None):
                    left[key] = value
            speaker, created_at, content = _details(left, content)
        if role == "system" and not talk.turns:
            prompts.append(content or "")
            prompt_fields.append(left)
            continue
        if left:
            fields[str(len(talk.turns))] = left
        talk.turns.append(Turn(role, content, speaker, created_at))
    if not talk.turns:
        raise Reject("no_conversation", f"{where} holds no message of a user or an assistant")
    if prompts:
        talk.system = "\n\n".join(prompts)
        if len(prompts) > 1 or prompt_fields[0]:
            talk.more["system_messages"] = [
                {**left, "length": len(prompt)} for left, prompt in zip(prompt_fields, prompts, strict=True)
            ]
    if fields:
        talk.more["messages"] = fields
    return talk


def _details(left: dict[str, Any], content: str | None) -> tuple[str | None, int | None, str | None]:
    """The speaker's name, the time and the content of a message that holds more than role and content."""
    speaker = left.get("name")
    if isinstance(speaker, str) and speaker:
        del left["name"]
    else:
        speaker = None
    refusal = left.get("refusal")
    if content is None and isinstance(refusal, str) and refusal:
        content, left["refusal"] = refusal, {"length": len(refusal)}
    for key in _TIME_KEYS:
        if key in left:
            created_at = to_micros(left[key])
            if created_at is not None:
                if isinstance(left[key], datetime):  # the turn holds it exactly
                    del left[key]
                return speaker, created_at, content
    return speaker, None, content


def unanswered(talk: Talk) -> bool:
    """Whether the last turn is an assistant's without a text, and without a tool call in its place."""
    last = talk.turns[-1]
    if last.role != "assistant" or last.content is not None:
        return False
    left = talk.more.get("messages", {}).get(str(len(talk.turns) - 1), {})
    return not any(left.get(key) for key in ("tool_calls", "function_call", "content", "audio"))
