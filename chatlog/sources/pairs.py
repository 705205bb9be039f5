"""`pairs`: what one says and what the other answers, without a list of messages that name their roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.fields import Fields
from chatlog.sources.record import Draft, Reader, Reject, Turn
from chatlog.sources.values import decoded, kind
from chatlog.stage import Config

_ASKED: Final = ("instruction", "prompt", "question", "query", "input", "user", "human", "request")
_ANSWERED: Final = (
    "output",
    "response",
    "answer",
    "completion",
    "reply",
    "assistant",
    "bot",
    "target",
    "generation",
)
_LISTS: Final = (
    "history",
    "dialogue",
    "dialog",
    "conversation",
    "conversations",
    "utterances",
    "turns",
    "messages",
)
_TEXT: Final = ("message", "text", "content", "utterance", "value")


class Pairs(Config):
    """`pairs` has no settings."""


def parse(value: Any, _: Pairs) -> list[Draft]:
    """One draft: the list of turns, then the question and the answer that stand apart."""
    fields = Fields(value, "the record")
    record = fields.record
    messages: list[Turn] = []
    more: dict[str, Any] = {}
    key = next((name for name in _LISTS if isinstance(decoded(record.get(name)), list)), None)
    if key is not None:
        messages, left = _turns(decoded(fields.take(key)), key)
        if left:
            more["messages"] = left
        more["field"] = key
    asked = next((name for name in _ASKED if isinstance(record.get(name), str)), None)
    answered = next((name for name in _ANSWERED if isinstance(record.get(name), str)), None)
    named = key is not None and _names_speakers(decoded(record[key]))
    if asked is not None and answered is not None:
        messages += _question(fields, asked, more)
        answer = fields.take(answered)
        messages.append(Turn("assistant", answer))
        more["fields"] = [asked, answered]
    elif asked is not None and key == "history":
        messages += _question(fields, asked, more)
        more["fields"] = [asked]
    elif key is None:
        raise Reject("no_conversation", "the record has neither a list of turns nor a question with its answer")
    if not messages:
        raise Reject("no_conversation", f"{key} is empty")
    if key is not None and not named:
        more["roles_inferred"] = True
    draft = Draft(
        messages,
        conversation_id=fields.text("conversation_id", "id", "chat_id", "uid"),
        model=fields.text("model", "model_name", "model_id"),
        created_at=fields.time("created_at", "timestamp", "tstamp"),
        user_id=fields.user("user_id", "ip", "hashed_ip"),
        system=fields.string("system"),
    )
    draft.meta = fields.meta(more)
    return [draft]


def _question(fields: Fields, asked: str, more: dict[str, Any]) -> list[Turn]:
    """The user's turn; an instruction's input follows it after an empty line, as Alpaca's prompts have it."""
    text = fields.take(asked)
    extra = fields.record.get("input") if asked == "instruction" else None
    if isinstance(extra, str) and extra:
        fields.take("input")
        more["input_length"] = len(extra)
        text = f"{text}\n\n{extra}"
    return [Turn("user", text)]


def _names_speakers(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, Mapping) and _speakers(item) for item in items)


def _speakers(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The fields of a pair such as {"user": ..., "bot": ...}."""
    asked = next((name for name in ("user", "human", "question", "prompt", "instruction") if name in item), None)
    answered = next((name for name in _ANSWERED if name in item), None)
    return (asked, answered) if asked and answered else None


def _turns(items: list[Any], where: str) -> tuple[list[Turn], dict[str, Any]]:
    """The turns of a list of pairs, of texts or of messages without a role, and what they do not hold."""
    turns: list[Turn] = []
    left: dict[str, Any] = {}
    for position, item in enumerate(items):
        at = f"{where}[{position}]"
        if isinstance(item, list):
            if len(item) > 2:
                raise Reject("bad_messages", f"{at} should be a pair, found an array of {len(item)}")
            turns += [Turn(role, _text(text, at)) for role, text in zip(("user", "assistant"), item, strict=False)]
            continue
        if isinstance(item, str):
            turns.append(Turn(_next_role(turns), item))
            continue
        if not isinstance(item, Mapping):
            raise Reject("bad_messages", f"{at} should be a pair, a text or an object, found {kind(item)}")
        speakers = _speakers(item)
        if speakers is not None:
            asked, answered = speakers
            read: tuple[str, ...] = speakers
            index = len(turns)
            turns += [Turn("user", _text(item[asked], at)), Turn("assistant", _text(item[answered], at))]
        else:
            key = next((name for name in _TEXT if name in item), None)
            if key is None:
                raise Reject("bad_messages", f"{at} has no text")
            read = (key,)
            index = len(turns)
            turns.append(Turn(_next_role(turns), _text(item[key], at)))
        rest = {name: value for name, value in item.items() if name not in read}
        if rest:
            left[str(index)] = rest
    if turns and turns[-1] == Turn("assistant", None):
        turns.pop()
    return turns, left


def _next_role(turns: list[Turn]) -> str:
    return "assistant" if turns and turns[-1].role == "user" else "user"


def _text(value: Any, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise Reject("bad_messages", f"{where} should hold texts, found {kind(value)}")


def recognise(value: Any) -> float:
    """0.7 for a list of pairs or of texts, 0.6 for a question with an answer."""
    if not isinstance(value, Mapping):
        return 0.0
    for key in _LISTS:
        items = value.get(key)
        if not isinstance(items, list) or not items:
            continue
        first = items[0]
        if isinstance(first, list) and len(first) == 2 and isinstance(first[0], str):
            return 0.7
        if isinstance(first, str) and key != "turns":
            return 0.6
        if isinstance(first, Mapping) and "role" not in first and "from" not in first:
            if _speakers(first) or isinstance(first.get("message"), str) or isinstance(first.get("utterance"), str):
                return 0.7
    asked = any(isinstance(value.get(name), str) for name in _ASKED)
    return 0.6 if asked and any(isinstance(value.get(name), str) for name in _ANSWERED) else 0.0


READER = Reader("pairs", Pairs, parse, recognise)
"""Questions with answers, histories of pairs, dialogues without roles."""
