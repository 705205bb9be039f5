"""`fastchat`: the logs of FastChat's web server (one JSON object a line, `*-conv.json`).

Each turn of a chat logs the whole conversation again, and each vote once more; every record is a
row of its own, and `dedup` finds the last snapshot by `conversation_id`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.meta import clean
from chatlog.sources.record import Draft, Reader, Reject, Turn
from chatlog.sources.values import decoded, digest, kind, mapping, text, to_micros
from chatlog.stage import Config

WINNERS: Final = {
    "leftvote": "model_a",
    "rightvote": "model_b",
    "tievote": "tie",
    "bothbad_vote": "tie (bothbad)",
}
"""Types of votes in a battle, and the winner's name as the arena data sets write it."""

_VOTES: Final = frozenset({"upvote", "downvote", "flag"})

_SERVICE = re.compile(
    r"[*$\s]*(?:moderation\$ )?(?:"
    r"network error due to high traffic"
    r"|your (?:input|image) violates our content moderation"
    r"|rate limit of this model is reached"
    r"|you have reached the conversation length limit"
    r"|this session has been inactive for too long"
    r"|api request error"
    r"|cuda out of memory)",
    re.IGNORECASE,
)
_SERVICE_BEGINS: Final = frozenset("*$nyratcmNYRATCM") | {chr(code) for code in range(0x3001) if chr(code).isspace()}
_ERROR_CODE = re.compile(r"\(error_code: \d+[^()]*(?:\([^()]*\)[^()]*)*\)\s*$")  # a worker's error ends with it
_CURSORS = ("▌", '<span class="cursor"></span>')  # stands at the end of an answer in the making
_MARKUP = re.compile(r"^\s*(?:<h3>|#{1,6}\s)?\s*(?:Model [AB]\b\s*:?)?\s*|\s*(?:</h3>)?\s*$")
_TEXT_OR_NULL: Final = frozenset({str, type(None)})
_new_turn: Final = tuple.__new__  # half the cost of Turn(...)
_TAIL = 500  # characters at the end of an answer in which an error code can stand


class FastChat(Config):
    """`fastchat` has no settings."""


def is_service_text(answer: str) -> bool:
    """Whether an answer is FastChat's own notice (network, moderation, limits, memory) or was cut off."""
    tail = answer[-_TAIL:].rstrip()
    return (
        tail.endswith(_CURSORS)
        or (tail.endswith(")") and _ERROR_CODE.search(tail) is not None)
        or (answer[:1] in _SERVICE_BEGINS and _SERVICE.match(answer) is not None)
    )


def parse(value: Any, _: FastChat) -> list[Draft]:
    """One draft for a chat or a vote on one model, two for a battle."""
    record = mapping(value, "the record")
    if "states" in record:
        return _battle(record)
    if record.get("state") is None:
        raise Reject("no_conversation", "the record has neither state nor states")
    draft = Draft([], created_at=to_micros(record.get("tstamp")), user_id=text(record.get("ip")))
    more = _read_state(draft, record["state"], "state")
    kind_of_record = record.get("type")
    if isinstance(kind_of_record, str) and kind_of_record in _VOTES:
        draft.feedback = kind_of_record
    selector = record.get("model")
    if draft.model is None:
        draft.model = _model_name(selector)
    meta = dict(record)
    del meta["state"]
    meta.pop("ip", None)
    if selector == draft.model:
        meta.pop("model", None)
    _drop_exact_time(meta, draft.created_at)
    if more.pop("roles_inferred", False):
        meta["roles_inferred"] = True
    meta["state"] = more
    draft.meta = clean(meta)
    return [draft]


def _battle(record: Mapping[str, Any]) -> list[Draft]:
    states = decoded(record["states"])
    if not isinstance(states, list) or len(states) != 2:
        raise Reject("bad_field", f"states should be an array of two, found {kind(states)}")
    selectors = decoded(record.get("models"))
    vote = record.get("type")
    winner = WINNERS.get(vote) if isinstance(vote, str) else None
    created_at, user_id = to_micros(record.get("tstamp")), text(record.get("ip"))
    shared = {key: item for key, item in record.items() if key not in ("states", "ip")}
    if states is not record["states"]:
        shared["string_encoded"] = True
    _drop_exact_time(shared, created_at)
    drafts: list[Draft] = []
    refused: list[tuple[str, Any, Reject]] = []
    for side, state in zip("ab", states, strict=True):
        draft = Draft([], created_at=created_at, user_id=user_id, battle_side=side, winner=winner)
        try:
            more = _read_state(draft, state, f"states[{side}]")
        except Reject as reject:
            refused.append((side, state, reject))
            continue
        if more.pop("roles_inferred", False):
            draft.meta["roles_inferred"] = True
        draft.meta["state"] = more
        if draft.model is None and isinstance(selectors, list) and len(selectors) == 2:
            draft.model = _model_name(selectors["ab".index(side)])
        drafts.append(draft)
    if not drafts:
        raise refused[0][2]
    battle_id = _battle_id(record, states)
    for draft in drafts:
        draft.battle_id = battle_id
        meta = {**shared, **draft.meta}
        if refused:  # the record is told by one row, which must keep both states
            meta["unread_state"] = {refused[0][0]: refused[0][1]}
        draft.meta = clean(meta)
    return drafts


def _read_state(draft: Draft, raw: Any, where: str) -> dict[str, Any]:
    """Fill the draft from a state; returns the state's other fields."""
    state = decoded(raw)
    if type(state) is not dict and not isinstance(state, Mapping):
        raise Reject("bad_field", f"{where} should be an object, found {kind(state)}")
    messages = state.get("messages")
    if not isinstance(messages, list):
        raise Reject("no_conversation", f"{where}.messages should be an array, found {kind(messages)}")
    left = dict(state)
    del left["messages"]
    left.pop("conv_id", None)
    if state is not raw:
        left["string_encoded"] = True
    draft.conversation_id = text(state.get("conv_id"))
    if draft.conversation_id is None and "conv_id" in state:
        left["conv_id"] = state["conv_id"]
    draft.model = text(state.get("model_name"))
    if draft.model is not None and draft.model is state["model_name"]:
        del left["model_name"]
    for key in ("system_message", "system"):
        system = state.get(key)
        if isinstance(system, str) and system and draft.system is None:
            draft.system = left.pop(key)
    offset = state.get("offset")
    start = offset if isinstance(offset, int) and 0 <= offset <= len(messages) else 0
    if start:
        left["few_shot"] = messages[:start]
    _read_turns(draft, messages, start, state.get("roles"), left, where)
    if not draft.messages:
        raise Reject("no_conversation", f"{where}.messages is empty")
    return left


def _read_turns(draft: Draft, messages: list[Any], start: int, names: Any, left: dict[str, Any], where: str) -> None:
    user_name, assistant_name = names if isinstance(names, list) and len(names) == 2 else (None, None)
    named = isinstance(user_name, str) and isinstance(assistant_name, str) and user_name != assistant_name
    if named and not start:
        plain = _plain_turns(messages, {user_name: "user", assistant_name: "assistant"})
        if plain is not None:
            draft.messages = plain
            _look_at_end(draft)
            return
    turns = draft.messages
    unnamed = False
    for index in range(start, len(messages)):
        message = messages[index]
        if not isinstance(message, list) or len(message) < 2:
            found = kind(message)
            raise Reject("bad_messages", f"{where}.messages[{index}] should be [role, text], found {found}")
        name, content = message[0], message[1]
        if named and name == user_name:
            role = "user"
        elif named and name == assistant_name:
            role = "assistant"
        else:
            # FastChat itself goes by position: templates name the speakers as they like.
            role = "assistant" if (index - start) % 2 else "user"
            unnamed = True
        if content is None or isinstance(content, str):
            pass
        elif isinstance(content, list) and content and (content[0] is None or isinstance(content[0], str)):
            left.setdefault("attachments", {})[str(len(turns))] = content[1:]
            content = content[0]
        else:
            found = kind(content)
            raise Reject("bad_messages", f"{where}.messages[{index}][1] should be text, found {found}")
        if len(message) > 2:
            left.setdefault("more", {})[str(len(turns))] = message[2:]
        turns.append(Turn(role, content))
    if unnamed:
        left["roles_inferred"] = True
        left["message_roles"] = [message[0] for message in messages[start:]]
    _look_at_end(draft)


def _plain_turns(messages: list[Any], roles: Mapping[Any, str]) -> list[Turn] | None:
    """The turns where each message is a known name and a text or null, which nearly all are; else None."""
    try:
        turns = [_new_turn(Turn, (roles[name], content, None, None)) for name, content in messages]
    except (KeyError, TypeError, ValueError):
        return None
    if not {type(turn[1]) for turn in turns} <= _TEXT_OR_NULL:
        return None
    # A string of two characters, or an object of two keys, unpacks like a pair.
    return turns if {type(message) for message in messages} <= {list} else None


def _look_at_end(draft: Draft) -> None:
    turns = draft.messages
    if turns and turns[-1].role == "assistant":
        answer = turns[-1].content
        if answer is None:
            draft.truncated = True
            turns.pop()
        elif is_service_text(answer):
            draft.truncated = True


def _model_name(selector: Any) -> str | None:
    """The model's name in a selector's text, which may be a heading: `### Model A: name`."""
    return _MARKUP.sub("", selector) or None if isinstance(selector, str) else None


def _drop_exact_time(meta: dict[str, Any], micros: int | None) -> None:
    tstamp = meta.get("tstamp")
    if micros is not None and isinstance(tstamp, (int, float)) and micros / 1_000_000 == tstamp:
        del meta["tstamp"]


def _battle_id(record: Mapping[str, Any], states: list[Any]) -> str:
    left, right = (text(state.get("conv_id")) if isinstance(state, Mapping) else None for state in map(decoded, states))
    if left is not None and right is not None:
        return f"{left}:{right}"
    for key in ("battle_id", "id", "question_id"):
        own = text(record.get(key))
        if own is not None:
            return own
    return digest([record.get("tstamp"), states])


def recognise(value: Any) -> float:
    """1 for a record with FastChat's state or states, 0.6 for one of its records without them."""
    if not isinstance(value, Mapping):
        return 0.0
    state = decoded(value.get("state"))
    if state is None:
        states = decoded(value.get("states"))
        state = decoded(states[0]) if isinstance(states, list) and states else None
    if isinstance(state, Mapping) and "messages" in state:
        return 1.0
    return 0.6 if "type" in value and "tstamp" in value else 0.0


READER = Reader("fastchat", FastChat, parse, recognise, fanout=2)
"""FastChat's web-server logs."""
