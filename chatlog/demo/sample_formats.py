"""Writes authored conversations as services log them: FastChat, OpenAI messages, ShareGPT, WildChat."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chatlog.demo.authoring import Conversation, Turn, plain

MODELS = ("larch-13b", "quill-2-large", "ember-7b-chat", "osprey-mini", "tansy-34b-chat")
"""The invented models of the demo service."""

# What FastChat itself answers on an overload and on a moderated prompt (fastchat/constants.py).
ERRORS = {
    "<network>": "**NETWORK ERROR DUE TO HIGH TRAFFIC. PLEASE REGENERATE OR REFRESH THIS PAGE.**",
    "<moderation>": "YOUR INPUT VIOLATES OUR CONTENT MODERATION GUIDELINES. PLEASE TRY AGAIN.",
    "<empty>": "",
}

# Language as WildChat names it, and a country to go with it.
LANGUAGES = {
    "en": ("English", "Canada"),
    "de": ("German", "Germany"),
    "fr": ("French", "France"),
    "es": ("Spanish", "Mexico"),
    "pt": ("Portuguese", "Brazil"),
    "it": ("Italian", "Italy"),
    "ru": ("Russian", "Kazakhstan"),
    "uk": ("Ukrainian", "Ukraine"),
    "zh": ("Chinese", "Singapore"),
    "ja": ("Japanese", "Japan"),
    "ko": ("Korean", "South Korea"),
    "ar": ("Arabic", "Jordan"),
    "hi": ("Hindi", "India"),
    "th": ("Thai", "Thailand"),
    "tr": ("Turkish", "Turkey"),
    "vi": ("Vietnamese", "Vietnam"),
    "el": ("Greek", "Greece"),
    "he": ("Hebrew", "Israel"),
    "sw": ("Swahili", "Kenya"),
    "pl": ("Polish", "Poland"),
    "nl": ("Dutch", "Netherlands"),
    "id": ("Indonesian", "Indonesia"),
    "cs": ("Czech", "Czechia"),
    "sv": ("Swedish", "Sweden"),
    "und": ("Nolang", "Ireland"),
}
_EPOCH = 1_741_046_400  # 2025-03-04 00:00:00 UTC
_DAYS = 40
_NETWORKS = ("203.0.113", "198.51.100", "192.0.2")  # kept for documentation by RFC 5737


@dataclass
class Logged:
    """A conversation with what the service knows about it.

    Attributes:
        conversation: what was authored.
        dialogue: the turns that stand in the log's last word on it, system prompts and other sides left out.
        ids: the conversation's id in the log; two for a battle.
        records: 0-based numbers of the records that tell it, blank lines not counted.
        user: number of the user, 1 to 90.
        start: seconds since 1970 at the first turn.
    """

    conversation: Conversation
    dialogue: list[Turn]
    ids: list[str]
    user: int
    models: list[str]
    start: float
    rng: random.Random
    records: list[int] = field(default_factory=list)

    @property
    def ip(self) -> str:
        """The user's address, from the documentation ranges."""
        return f"{_NETWORKS[self.user % 3]}.{1 + self.user * 2}"

    @property
    def system(self) -> str:
        """The system prompt, or an empty text."""
        return next((plain(turn.text) for turn in self.conversation.turns if turn.role == "system"), "")


def _hex(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def log(conversation: Conversation, file: str) -> Logged:
    """The conversation with an id, a user, a model and a time, all drawn from its key."""
    rng = random.Random(conversation.key)
    battle = "battle" in conversation.options
    digest = _hex(conversation.key)
    ids = {
        "fastchat": [_hex(conversation.key + side) for side in "ab"] if battle else [digest],
        "openai_messages": [f"chat-{digest[:12]}"],
        "sharegpt": [f"{digest[:7]}_0"],
        "wildchat": [digest],
    }[file]
    dialogue = [turn for turn in conversation.turns if turn.role in ("user", "assistant", "call", "tool")]
    start = _EPOCH + rng.randrange(_DAYS * 86_400) + round(rng.random(), 4)
    return Logged(conversation, dialogue, ids, rng.randint(1, 90), rng.sample(MODELS, 2), start, rng)


def answer_text(text: str) -> str | None:
    """What the log holds for an authored turn: an error notice, null, or the text without marks."""
    return None if text == "<null>" else ERRORS.get(text, plain(text))


def _state(logged: Logged, side: int, messages: list[list[str | None]]) -> dict[str, Any]:
    return {
        "template_name": "one_shot" if logged.system else "zero_shot",
        "system_message": logged.system,
        "roles": ["USER", "ASSISTANT"],
        "messages": [list(message) for message in messages],
        "offset": 0,
        "conv_id": logged.ids[side],
        "model_name": logged.models[side],
    }


def fastchat_records(logged: Logged) -> Iterator[dict[str, Any]]:
    """The lines of FastChat's log: the whole state again after every answer, then the votes."""
    options, clock = logged.conversation.options, logged.start
    sides: list[list[list[str | None]]] = [[] for _ in logged.ids]

    def chat(side: int, kind: str = "chat") -> dict[str, Any]:
        start, finish = clock, round(clock + 0.8 + logged.rng.random() * 9, 4)
        return {
            "tstamp": finish,
            "type": kind,
            "model": logged.models[side],
            "gen_params": {"temperature": 0.7, "top_p": 1.0, "max_new_tokens": 1024},
            "start": start,
            "finish": finish,
            "state": _state(logged, side, sides[side]),
            "ip": logged.ip,
        }

    for turn in logged.conversation.turns:
        if turn.role == "system":
            continue
        clock = round(clock + 11 + logged.rng.random() * 50, 4)
        if turn.role == "user":
            for messages in sides:
                messages.append(["USER", plain(turn.text)])
            continue
        side = int(turn.role == "other")
        sides[side].append(["ASSISTANT", answer_text(turn.text)])
        yield chat(side)
        if turn.role == "discarded":
            sides[side][-1][1] = None
            yield chat(side, "regenerate")
            sides[side].pop()
    if logged.dialogue[-1].role == "user":
        yield chat(0)
    vote = {"up": "upvote", "down": "downvote"}.get(options.get("vote", ""), options.get("vote", ""))
    clock = round(clock + 30, 4)
    if len(sides) == 2:
        named = "named" in options
        yield {
            "tstamp": clock,
            "type": f"{vote}_vote" if vote == "bothbad" else f"{vote}vote",
            "models": logged.models if named else ["", ""],
            "states": [_state(logged, side, sides[side]) for side in (0, 1)],
            "ip": logged.ip,
        }
    elif vote or "flag" in options:
        yield {
            "tstamp": clock,
            "type": vote or "flag",
            "model": logged.models[0],
            "state": _state(logged, 0, sides[0]),
            "ip": logged.ip,
        }


def _call(text: str) -> tuple[str, str]:
    name, _, arguments = plain(text).partition(" ")
    return name, arguments


def openai_record(logged: Logged) -> dict[str, Any]:
    """One request as an OpenAI-compatible gateway logs it."""
    messages: list[dict[str, Any]] = []
    called = ("", "")
    for index, turn in enumerate(logged.conversation.turns):
        if turn.role == "call":
            name, arguments = _call(turn.text)
            called = (name, f"call_{_hex(logged.ids[0] + str(index))[:10]}")
            function = {"name": name, "arguments": arguments}
            call = {"id": called[1], "type": "function", "function": function}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif turn.role == "tool":
            answer = {"role": "tool", "content": plain(turn.text)}
            messages.append(answer | {"tool_call_id": called[1], "name": called[0]})
        elif "parts" in logged.conversation.options and turn.role == "user":
            parts: list[dict[str, Any]] = [{"type": "text", "text": plain(turn.text)}]
            parts.append({"type": "image_url", "image_url": {"url": "https://files.example/plant.jpg"}})
            messages.append({"role": "user", "content": parts})
        else:
            messages.append({"role": turn.role, "content": answer_text(turn.text)})
    key = "chat_id" if logged.user % 2 else "id"
    return {
        key: logged.ids[0],
        "model": logged.models[0],
        "created": int(logged.start),
        "user": f"user-{logged.user}",
        "messages": messages,
        "metadata": {"client": ("web", "ios", "api")[logged.user % 3], "temperature": 0.3},
    }


def sharegpt_record(logged: Logged) -> dict[str, Any]:
    """One conversation as ShareGPT stores it."""
    names = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
    turns: list[dict[str, str | None]] = []
    for turn in logged.conversation.turns:
        if turn.role == "call":
            name, arguments = _call(turn.text)
            value = json.dumps({"name": name, "arguments": json.loads(arguments)}, ensure_ascii=False)
            turns.append({"from": "function_call", "value": value})
        else:
            turns.append({"from": names[turn.role], "value": answer_text(turn.text)})
    record: dict[str, Any] = {"id": logged.ids[0]}
    if logged.user % 4:
        record["model"] = logged.models[0]
    return record | {"conversations": turns}


def wildchat_row(logged: Logged) -> dict[str, Any]:
    """One row of a WildChat-like table."""
    code = logged.conversation.languages[0]
    language, country = LANGUAGES.get(code, (code, "Norway"))
    hashed = hashlib.sha256(logged.ip.encode()).hexdigest()
    start = datetime.fromtimestamp(int(logged.start), UTC)
    conversation = []
    for index, turn in enumerate(logged.dialogue):
        of_user = turn.role == "user"
        conversation.append(
            {
                "content": answer_text(turn.text),
                "role": turn.role,
                "language": language,
                "timestamp": None if of_user else start,
                "toxic": False,
                "redacted": False,
                "turn_identifier": 200_000 + int(_hex(logged.ids[0])[:4], 16) * 10 + index,
                "hashed_ip": hashed if of_user else None,
                "country": country if of_user else None,
            }
        )
    return {
        "conversation_hash": logged.ids[0],
        "model": logged.models[0],
        "timestamp": start,
        "conversation": conversation,
        "turn": sum(turn.role == "user" for turn in logged.dialogue),
        "language": language,
        "hashed_ip": hashed,
        "country": country,
        "toxic": False,
        "redacted": False,
        "header": {"accept-language": code, "user-agent": "Mozilla/5.0 (demo)"},
    }
