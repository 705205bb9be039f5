"""Turns composed conversations into the records of four log formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from chatlog.demo.composing import Chat, Span
from chatlog.demo.dice import Dice
from chatlog.demo.log_files import Truth
from chatlog.demo.sample_formats import ERRORS, LANGUAGES, MODELS

_SYSTEM: Final = (
    "You are a helpful assistant.",
    "Answer briefly and in the language of the question.",
    "You are the assistant of a demo service. Be kind and precise.",
    "You are an expert. If you do not know something, say so.",
)
_TOOLS: Final = ("search_notes", "get_weather", "convert_units", "lookup_order")
_GEN_PARAMS: Final = {"temperature": 0.7, "top_p": 1.0, "max_new_tokens": 1024}
_VOTES: Final = ("upvote", "downvote", "flag")
_BATTLE_VOTES: Final = ("leftvote", "rightvote", "tievote", "bothbad_vote")
_NETWORK: Final = ERRORS["<network>"]


class Event(NamedTuple):
    """A record of a FastChat log with its time and its rows of truth."""

    tstamp: float
    record: dict[str, Any]
    rows: list[Truth]


class Copy(NamedTuple):
    """What a conversation is to the others: the id of the group's original, and exact, near or None."""

    group: str
    kind: str | None


def truth_of(chat: Chat, spans: Sequence[Span], conversation_id: str, copy: Copy) -> Truth:
    """A row of truth; ``group`` is the id of the conversation that this one repeats, or its own."""
    return {
        "broken": False,
        "conversation_id": conversation_id,
        "language": chat.language.code,
        "group": copy.group,
        "kind": copy.kind,
        "template": chat.template,
        "pii": [span._asdict() for span in spans],
    }


class FastChatLog:
    """Makes the events of one conversation: the whole state again after every answer, then the vote."""

    def __init__(self, dice: Dice, start: float) -> None:
        self.dice = dice
        self.clock = start
        self.ip = f"{dice.pick(('203.0.113', '198.51.100', '192.0.2'))}.{1 + dice.below(254)}"
        self.system = dice.pick(_SYSTEM) if dice.chance(0.1) else ""

    def state(self, messages: Sequence[str | None], conversation_id: str, model: str) -> dict[str, Any]:
        """FastChat's state of a conversation."""
        return {
            "template_name": "one_shot",
            "system_message": self.system,
            "roles": ["USER", "ASSISTANT"],
            "messages": [["ASSISTANT" if index % 2 else "USER", text] for index, text in enumerate(messages)],
            "offset": 0,
            "conv_id": conversation_id,
            "model_name": model,
        }

    def _tick(self, seconds: int) -> float:
        self.clock = round(self.clock + 1 + self.dice.below(seconds * 1000) / 1000, 3)
        return self.clock

    def _chat(self, chat: Chat, messages: Sequence[str | None], conversation_id: str, model: str, copy: Copy) -> Event:
        start = self._tick(40)
        finish = self._tick(9)
        record = {
            "tstamp": finish,
            "type": "chat",
            "model": model,
            "gen_params": _GEN_PARAMS,
            "start": start,
            "finish": finish,
            "state": self.state(messages, conversation_id, model),
            "ip": self.ip,
        }
        # Spans past the end, or in an answer that was replaced, are not in this record.
        seen = [
            span
            for span in chat.spans
            if span.message < len(messages) and messages[span.message] is chat.messages[span.message]
        ]
        return Event(finish, record, [truth_of(chat, seen, conversation_id, copy)])

    def events(self, chat: Chat, conversation_id: str, copy: Copy, lost: str | None, ending: str | None) -> list[Event]:
        """The records of one conversation with one model.

        Args:
            chat: the conversation.
            conversation_id: its id.
            copy: what it repeats.
            lost: an answer that was logged before the last one and regenerated, if any.
            ending: None, or what stands in place of the last answer: ``error`` or ``null``.
        """
        model = self.dice.pick(MODELS)
        whole: list[str | None] = list(chat.messages)
        if ending is not None:
            whole[-1] = _NETWORK if ending == "error" else None
        snapshot = Copy(copy.group, "snapshot")
        made = [
            self._chat(chat, whole[:length], conversation_id, model, snapshot) for length in range(2, len(whole), 2)
        ]
        if lost is not None:
            made.append(self._chat(chat, [*whole[:-1], lost], conversation_id, model, snapshot))
        voted = ending is None and self.dice.chance(0.06)
        made.append(self._chat(chat, whole, conversation_id, model, snapshot if voted else copy))
        if voted:
            tstamp = self._tick(30)
            record = {
                "tstamp": tstamp,
                "type": self.dice.pick(_VOTES),
                "model": model,
                "state": self.state(whole, conversation_id, model),
                "ip": self.ip,
            }
            made.append(Event(tstamp, record, [truth_of(chat, chat.spans, conversation_id, copy)]))
        return made

    def battle(self, sides: tuple[Chat, Chat], ids: tuple[str, str]) -> list[Event]:
        """The records of a battle: both sides after every turn, then the vote on the two."""
        models = self.dice.pick(MODELS), self.dice.pick(MODELS)
        made = []
        for length in range(2, len(sides[0].messages) + 1, 2):
            for chat, conversation_id, model in zip(sides, ids, models, strict=True):
                messages = chat.messages[:length]
                copy = Copy(conversation_id, "snapshot")
                made.append(self._chat(chat, messages, conversation_id, model, copy))
        tstamp = self._tick(30)
        pairs = list(zip(sides, ids, strict=True))
        record = {
            "tstamp": tstamp,
            "type": self.dice.pick(_BATTLE_VOTES),
            "models": list(models) if self.dice.chance(0.4) else ["", ""],
            "states": [self.state(chat.messages, one, model) for (chat, one), model in zip(pairs, models, strict=True)],
            "ip": self.ip,
        }
        rows = [truth_of(chat, chat.spans, one, Copy(one, None)) for chat, one in pairs]
        made.append(Event(tstamp, record, rows))
        return made


def openai_record(
    dice: Dice, chat: Chat, conversation_id: str, start: float, with_tool: bool
) -> tuple[dict[str, Any], list[Span]]:
    """One request as an OpenAI-compatible gateway logs it, and its spans; a tool call moves those behind it."""
    turns = [
        {"role": "assistant" if index % 2 else "user", "content": text} for index, text in enumerate(chat.messages)
    ]
    spans: list[Span] = chat.spans
    messages: list[dict[str, Any]] = list(turns)
    if with_tool:
        place, call = len(turns) - 1, f"call_{dice.below(1 << 30):08x}"
        function = {"name": dice.pick(_TOOLS), "arguments": f'{{"limit": {1 + dice.below(50)}}}'}
        asked = {"id": call, "type": "function", "function": function}
        answered = {"role": "tool", "tool_call_id": call, "content": f'{{"found": {dice.below(50)}}}'}
        messages[place:place] = [{"role": "assistant", "content": None, "tool_calls": [asked]}, answered]
        spans = [span._replace(message=span.message + 2) if span.message >= place else span for span in spans]
    if dice.chance(0.3):
        role = "developer" if dice.chance(0.2) else "system"
        messages.insert(0, {"role": role, "content": dice.pick(_SYSTEM)})
    record = {
        "chat_id": conversation_id,
        "model": dice.pick(MODELS),
        "created": int(start),
        "user": f"user-{dice.below(5000)}",
        "messages": messages,
        "metadata": {"client": dice.pick(("web", "ios", "api")), "temperature": 0.3},
    }
    return record, spans


def sharegpt_record(dice: Dice, chat: Chat, conversation_id: str) -> dict[str, Any]:
    """One conversation as ShareGPT stores it."""
    turns = [{"from": "gpt" if index % 2 else "human", "value": text} for index, text in enumerate(chat.messages)]
    return {"id": conversation_id, "model": dice.pick(MODELS), "conversations": turns}


def _wildchat_turns(chat: Chat, moment: datetime, number: int, user: str) -> Iterator[dict[str, Any]]:
    language, country = LANGUAGES[chat.language.code]
    for index, text in enumerate(chat.messages):
        of_user = index % 2 == 0
        yield {
            "content": text,
            "role": "user" if of_user else "assistant",
            "language": language,
            "timestamp": None if of_user else moment,
            "toxic": False,
            "redacted": False,
            "turn_identifier": number + index,
            "hashed_ip": user if of_user else None,
            "country": country if of_user else None,
        }


def wildchat_row(dice: Dice, chat: Chat, conversation_id: str, start: float) -> dict[str, Any]:
    """One row of a WildChat-like table."""
    language, country = LANGUAGES[chat.language.code]
    user = f"{dice.below(5000):064x}"
    moment = datetime.fromtimestamp(int(start), UTC)
    return {
        "conversation_hash": conversation_id,
        "model": dice.pick(MODELS),
        "timestamp": moment,
        "conversation": list(_wildchat_turns(chat, moment, 100_000 + dice.below(1 << 24), user)),
        "turn": len(chat.messages) // 2,
        "language": language,
        "hashed_ip": user,
        "country": country,
        "toxic": False,
        "redacted": False,
        "header": {"accept-language": chat.language.code, "user-agent": "Mozilla/5.0 (demo)"},
    }
