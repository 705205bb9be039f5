"""`sharegpt`: `conversations` of from/value messages, and pairs of a chosen and a rejected answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chatlog.sources.fields import Fields
from chatlog.sources.messages import OPENAI_NAMES, SHAREGPT_NAMES, Talk, read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.values import decoded, digest, kind
from chatlog.stage import Config

_LISTS: Final = ("conversations", "conversation", "items")
_ROLE_KEYS: Final = ("from", "role", "speaker")
_CONTENT_KEYS: Final = ("value", "content", "text", "message", "markdown")
_IDS: Final = ("id", "conversation_id", "conv_id")


class ShareGPT(Config):
    """`sharegpt` has no settings."""


def parse(value: Any, _: ShareGPT) -> list[Draft]:
    """One draft, or two that share their beginning: a is the chosen answer, b the rejected one."""
    fields = Fields(value, "the record")
    key = next((name for name in _LISTS if fields.record.get(name) is not None), None)
    chosen, rejected = fields.record.get("chosen"), fields.record.get("rejected")
    paired = chosen is not None and rejected is not None
    if key is None and not (paired and isinstance(chosen, list) and isinstance(rejected, list)):
        raise Reject("no_conversation", "the record has none of conversations, conversation and items")
    items = decoded(fields.take(key)) if key else []
    if not isinstance(items, list):
        raise Reject("bad_messages", f"{key} should be an array, found {kind(items)}")
    if not paired:
        return [_draft(fields, key, items)]
    fields.take("chosen")
    fields.take("rejected")
    drafts = []
    battle_id = digest([fields.record.get("id"), items, chosen, rejected])
    for side, answer in (("a", chosen), ("b", rejected)):
        draft = _draft(fields, key, [*items, *_answers(items, answer)])
        # The two are not snapshots of one conversation, so they must not share its id.
        draft.conversation_id = draft.conversation_id and f"{draft.conversation_id}:{side}"
        draft.battle_id, draft.battle_side, draft.winner = battle_id, side, "model_a"
        drafts.append(draft)
    return drafts


def _draft(fields: Fields, key: str | None, items: list[Any]) -> Draft:
    talk, more = _talk(items, key or "chosen")
    if key != "conversations":
        more["conversation_key"] = key
    draft = talk.fill(
        Draft(
            [],
            conversation_id=fields.text(*_IDS),
            model=fields.text("model", "model_name"),
            created_at=fields.time("created_at", "create_time", "timestamp", "tstamp"),
            user_id=fields.user("user_id", "user", "ip", "hashed_ip"),
            system=fields.string("system"),
            truncated=unanswered(talk),
        )
    )
    draft.meta = fields.meta({**more, **talk.more})
    return draft


def _talk(items: list[Any], where: str) -> tuple[Talk, dict[str, Any]]:
    first = items[0] if items and isinstance(items[0], Mapping) else {}
    role_key = next((key for key in _ROLE_KEYS if key in first), "from")
    content_key = next((key for key in _CONTENT_KEYS if key in first), "value")
    spelled = SHAREGPT_NAMES if role_key == "from" else OPENAI_NAMES
    talk = read_talk(items, where, role_key=role_key, content_key=content_key, spelled=spelled)
    if (role_key, content_key) == ("from", "value"):
        return talk, {}
    return talk, {"message_keys": [role_key, content_key]}


def _answers(items: list[Any], answer: Any) -> list[Any]:
    """The messages that a chosen or rejected answer adds, in the form of those before it."""
    if isinstance(answer, list):
        return answer
    if isinstance(answer, str):
        first = items[0] if items and isinstance(items[0], Mapping) else {}
        role_key = next((key for key in _ROLE_KEYS if key in first), "from")
        content_key = next((key for key in _CONTENT_KEYS if key in first), "value")
        return [{role_key: "gpt" if role_key == "from" else "assistant", content_key: answer}]
    return [answer]


def recognise(value: Any) -> float:
    """0.8 for from/value messages, 0.6 for role/content ones, which other formats have too."""
    if not isinstance(value, Mapping):
        return 0.0
    items: Any = next((decoded(value[name]) for name in _LISTS if value.get(name) is not None), None)
    score = 0.8
    if items is None and isinstance(value.get("chosen"), list) and isinstance(value.get("rejected"), list):
        items, score = value["chosen"], 0.7
    if not isinstance(items, list) or not items or not isinstance(items[0], Mapping):
        return 0.0
    keys = items[0].keys()
    if "from" in keys and not keys.isdisjoint(_CONTENT_KEYS):
        return score
    return 0.6 if "role" in keys and not keys.isdisjoint(_CONTENT_KEYS) else 0.0


READER = Reader("sharegpt", ShareGPT, parse, recognise, fanout=2)
"""ShareGPT's conversations."""
