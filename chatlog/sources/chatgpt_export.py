"""`chatgpt_export`: `conversations.json` of ChatGPT's data export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from chatlog.sources.branches import branches
from chatlog.sources.fields import Fields
from chatlog.sources.messages import content_of, role_of
from chatlog.sources.record import Draft, Reader, Reject, Turn
from chatlog.sources.values import kind, text, to_micros
from chatlog.stage import Config

_UNSHOWN: Final = frozenset({"thoughts", "reasoning_recap", "model_editable_context"})
"""Types of content that the chat window does not show as an answer."""

_TEXT_KEYS: Final = ("text", "result", "content")

_NODE: Final = ("id", "parent", "children", "message")
"""Fields of a node that make the tree; its ids are not kept."""


class ChatGPTExport(Config):
    """Settings of `chatgpt_export`."""

    branches: Literal["current", "all"] = "current"
    """`current`: the branch that the chat window shows; `all`: a row for each regenerated or edited one."""


def parse(value: Any, config: ChatGPTExport) -> list[Draft]:
    """One draft for each branch; those that are not read are counted in `meta`."""
    fields = Fields(value, "the conversation")
    mapping = fields.take("mapping")
    if not isinstance(mapping, Mapping):
        raise Reject("no_conversation", f"mapping should be an object, found {kind(mapping)}")
    nodes = {key: node for key, node in mapping.items() if isinstance(node, Mapping)}
    every = config.branches == "all"
    paths = branches(nodes, "parent", fields.record.get("current_node"), every=every)
    odd = {key: node for key, node in mapping.items() if not isinstance(node, Mapping) and node is not None}
    own_id = fields.text("conversation_id", "id")
    created_at = fields.time("create_time")
    drafts = []
    for path in paths:
        draft = _draft(nodes, path)
        if draft is None:
            continue
        draft.conversation_id = own_id
        draft.created_at = created_at or draft.messages[0].created_at
        draft.model = draft.model or text(fields.record.get("default_model_slug"))
        unread = len(nodes) - len(path)
        elsewhere = {} if every or not unread else {"nodes_elsewhere": unread}
        draft.meta = fields.meta({**draft.meta, **elsewhere, **({"mapping": odd} if odd else {})})
        drafts.append(draft)
    if not drafts:
        raise Reject("no_conversation", "no node of the mapping has a message of a user or an assistant")
    if len(drafts) > 1:
        for number, draft in enumerate(drafts):
            draft.conversation_id = own_id and f"{own_id}:{number}"
    return drafts


def _draft(nodes: Mapping[str, Mapping[str, Any]], path: list[str]) -> Draft | None:
    draft = Draft([])
    prompts: list[str] = []
    left: dict[str, Any] = {}
    unshown: list[dict[str, Any]] = []
    for node in path:
        message = nodes[node].get("message")
        if not isinstance(message, Mapping):  # the root has none
            if beside := _beside(nodes[node], _NODE):
                unshown.append({"before": len(draft.messages), "node": beside})
            continue
        author = message.get("author")
        role = role_of(author.get("role") if isinstance(author, Mapping) else None, "author.role")
        content, of, rest = _content(message.get("content"))
        more = {key: item for key, item in message.items() if key not in ("content", "author", "create_time")}
        if rest:
            more["content"] = rest
        if beside := _beside(author, ("role", "name")):
            more["author"] = beside
        if beside := _beside(nodes[node], _NODE):
            more["node"] = beside
        name = author.get("name") if isinstance(author, Mapping) else None
        if of in _UNSHOWN:
            unshown.append({"before": len(draft.messages), **more})
        elif role == "system" and draft.messages and content:
            left[str(len(draft.messages))] = more
            draft.messages.append(Turn("system", content, text(name), to_micros(message.get("create_time"))))
        elif role == "system" or of == "user_editable_context":
            if content:
                prompts.append(content)
            unshown.append({"before": len(draft.messages), "length": len(content or ""), **more})
        else:
            left[str(len(draft.messages))] = more
            draft.messages.append(Turn(role, content, text(name), to_micros(message.get("create_time"))))
            if role == "assistant":
                draft.model = _slug(message) or draft.model
                draft.truncated = _is_cut(message)
    if not draft.messages:
        return None
    draft.system = "\n\n".join(prompts) or None
    draft.truncated = draft.truncated and draft.messages[-1].role == "assistant"
    draft.meta = {"messages": left, **({"unshown": unshown} if unshown else {})}
    return draft


def _beside(holder: Any, read: tuple[str, ...]) -> dict[str, Any]:
    """What an object says beside the fields that were read, empty objects apart."""
    if not isinstance(holder, Mapping):
        return {}
    return {key: item for key, item in holder.items() if key not in read and item not in ({}, None)}


def _content(content: Any) -> tuple[str | None, str, Any]:
    """The text of a message's content, its type, and the rest of it without the text."""
    if not isinstance(content, Mapping):
        found, left = content_of(content, "content")
        return found, "", left
    of = content.get("content_type")
    of = of if isinstance(of, str) else ""
    if of == "user_editable_context":
        told = [item for key in ("user_profile", "user_instructions") if isinstance(item := content.get(key), str)]
        rest = {key: item for key, item in content.items() if key not in ("user_profile", "user_instructions")}
        return "\n\n".join(part for part in told if part) or None, of, rest
    if isinstance(content.get("parts"), list):
        parts = content["parts"]
        rest = {key: item for key, item in content.items() if key != "parts"}
        if all(isinstance(part, str) for part in parts) and len(parts) == 1:
            return parts[0], of, {} if rest == {"content_type": "text"} else rest
        found, left = content_of(parts, "content.parts")
        return found, of, {**rest, "parts": left}
    for key in _TEXT_KEYS:
        if isinstance(content.get(key), str):
            return content[key], of, {name: item for name, item in content.items() if name != key}
    return None, of, dict(content)


def _slug(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata")
    return text(metadata.get("model_slug")) if isinstance(metadata, Mapping) else None


def _is_cut(message: Mapping[str, Any]) -> bool:
    if message.get("status") in ("in_progress", "finished_partial_completion"):
        return True
    metadata = message.get("metadata")
    details = metadata.get("finish_details") if isinstance(metadata, Mapping) else None
    return isinstance(details, Mapping) and details.get("type") in ("max_tokens", "interrupted")


def recognise(value: Any) -> float:
    """1 for a mapping of nodes."""
    if not isinstance(value, Mapping) or not isinstance(value.get("mapping"), Mapping):
        return 0.0
    first = next(iter(value["mapping"].values()), None)
    return 1.0 if isinstance(first, Mapping) and {"parent", "children"} & first.keys() else 0.0


READER = Reader("chatgpt_export", ChatGPTExport, parse, recognise)
"""ChatGPT's data export."""
