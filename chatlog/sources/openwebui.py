"""`openwebui`: exports of Open WebUI's chats, and of the feedback that users gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from chatlog.sources.branches import branches
from chatlog.sources.fields import Fields
from chatlog.sources.messages import Talk, read_talk, unanswered
from chatlog.sources.record import Draft, Reader, Reject
from chatlog.sources.values import decoded, kind, text
from chatlog.stage import Config


class OpenWebUI(Config):
    """Settings of `openwebui`."""

    branches: Literal["current", "all"] = "current"
    """`current`: the branch that the chat window shows; `all`: a row for each regenerated or edited one."""


def parse(value: Any, config: OpenWebUI) -> list[Draft]:
    """One draft for each branch of the chat's history; those that are not read are counted in `meta`."""
    fields = Fields(value, "the record")
    rating: Any = None
    if isinstance(fields.record.get("snapshot"), Mapping):  # feedback keeps a copy of the chat
        snapshot = fields.take("snapshot")
        data = fields.record.get("data")
        rating = data.get("rating") if isinstance(data, Mapping) else None
        chat, left = _chat_of(snapshot)
        more: dict[str, Any] = {"snapshot": left}
    else:
        chat, left = _chat_of(fields.record)
        fields.take("chat")
        more = _beside_messages(fields.record) if chat is fields.record else {"chat": left}
    if chat is None:
        raise Reject("no_conversation", "the record has no chat")
    every = config.branches == "all"
    own_id = _feedback_chat(fields) or fields.text("id", "chat_id") or text(chat.get("id"))
    created_at = fields.time("created_at", "timestamp")
    user_id = fields.user("user_id", "userId")
    if chat is fields.record:
        fields.take("history")
        fields.take("messages")
    drafts = []
    items = _items(chat, every)
    for number, (messages, unread) in enumerate(items):
        talk = read_talk(messages, "messages")
        draft = talk.fill(Draft([], system=_system(chat), created_at=created_at, user_id=user_id))
        draft.conversation_id = own_id and f"{own_id}:{number}" if len(items) > 1 else own_id
        draft.model = _model(messages) or _first(chat.get("models"))
        draft.feedback = _feedback(rating if rating is not None else _rating(messages))
        draft.truncated = unanswered(talk) or _is_cut(talk)
        counted = {"nodes_elsewhere": unread} if unread else {}
        draft.meta = fields.meta({**more, **talk.more, **counted})
        drafts.append(draft)
    if not drafts:
        raise Reject("no_conversation", "the chat has no messages")
    return drafts


def _feedback_chat(fields: Fields) -> str | None:
    """The id of the chat that a feedback is about; the feedback's own id would make it a chat apart."""
    about = fields.record.get("meta")
    return text(about.get("chat_id")) if isinstance(about, Mapping) else None


def _chat_of(record: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, dict[str, Any]]:
    """The object that holds the history, and what stands beside it, without the messages."""
    chat = decoded(record.get("chat"))
    if isinstance(chat, Mapping) and isinstance(chat.get("chat"), Mapping):
        inner, left = _chat_of(chat)
        return inner, {key: item for key, item in chat.items() if key != "chat"} | {"chat": left}
    if not isinstance(chat, Mapping):
        if "history" not in record:
            return None, {}
        chat = record
    left = {key: item for key, item in chat.items() if key not in ("history", "messages")}
    return chat, left | _beside_messages(chat)


def _beside_messages(chat: Mapping[str, Any]) -> dict[str, Any]:
    """What the history holds that is no message, and does not make the tree."""
    history = chat.get("history")
    if not isinstance(history, Mapping):
        return {}
    rest = {key: item for key, item in history.items() if key not in ("messages", "currentId")}
    table = history.get("messages")
    nodes = table.items() if isinstance(table, Mapping) else ()
    odd = {key: node for key, node in nodes if not isinstance(node, Mapping)}
    if odd:
        rest["messages"] = odd
    return {"history": rest} if rest else {}


def _items(chat: Mapping[str, Any], every: bool) -> list[tuple[list[Any], int]]:
    """The messages of each branch that is read, and how many lie elsewhere."""
    history = chat.get("history")
    table = history.get("messages") if isinstance(history, Mapping) else None
    if isinstance(table, Mapping) and table:
        assert isinstance(history, Mapping)
        nodes = {key: node for key, node in table.items() if isinstance(node, Mapping)}
        paths = branches(nodes, "parentId", history.get("currentId"), every=every)
        return [([nodes[key] for key in path], 0 if every else len(nodes) - len(path)) for path in paths]
    messages = chat.get("messages")
    if isinstance(messages, list) and messages:
        return [(messages, 0)]
    if table is not None and not isinstance(table, Mapping):
        raise Reject("bad_messages", f"history.messages should be an object, found {kind(table)}")
    return []


def _system(chat: Mapping[str, Any]) -> str | None:
    params = chat.get("params")
    for holder in (params, chat):
        system = holder.get("system") if isinstance(holder, Mapping) else None
        if isinstance(system, str) and system:
            return system
    return None


def _model(messages: list[Any]) -> str | None:
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "assistant":
            found = text(message.get("model"))
            if found is not None:
                return found
    return None


def _first(models: Any) -> str | None:
    return text(models[0]) if isinstance(models, list) and models else None


def _rating(messages: list[Any]) -> Any:
    for message in reversed(messages):
        annotation = message.get("annotation") if isinstance(message, Mapping) else None
        if isinstance(annotation, Mapping) and annotation.get("rating") is not None:
            return annotation["rating"]
    return None


def _feedback(rating: Any) -> str | None:
    return {"1": "upvote", "-1": "downvote"}.get(str(rating)) if isinstance(rating, int | str) else None


def _is_cut(talk: Talk) -> bool:
    left = talk.more.get("messages", {}).get(str(len(talk.turns) - 1), {})
    return talk.turns[-1].role == "assistant" and (left.get("done") is False or bool(left.get("error")))


def recognise(value: Any) -> float:
    """1 for a chat with a history, 0.9 for one with messages alone."""
    if not isinstance(value, Mapping):
        return 0.0
    holder = value.get("snapshot") if isinstance(value.get("snapshot"), Mapping) else value
    assert isinstance(holder, Mapping)
    chat = decoded(holder.get("chat"))
    if isinstance(chat, Mapping) and isinstance(chat.get("chat"), Mapping):
        chat = chat["chat"]
    if not isinstance(chat, Mapping):
        chat = holder
    history = chat.get("history")
    if isinstance(history, Mapping) and isinstance(history.get("messages"), Mapping):
        return 1.0
    return 0.9 if chat is not holder and isinstance(chat.get("messages"), list) else 0.0


READER = Reader("openwebui", OpenWebUI, parse, recognise, also_read=("chats",))
"""Open WebUI's exports."""
