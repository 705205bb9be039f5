"""`oasst`: OpenAssistant's message trees, nested or as one message a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from chatlog.sources.fields import Fields
from chatlog.sources.messages import role_of
from chatlog.sources.record import Draft, Reader, Reject, Turn
from chatlog.sources.values import kind, text, to_micros
from chatlog.stage import Config

_MAX_TURNS: Final = 200_000  # in all branches of one tree; a real tree has fewer than 1,000
_NAMES: Final = {"user": "prompter", "assistant": "assistant"}
_READ: Final = frozenset({"text", "role", "replies", "user_id", "message_tree_id"})

_Node = Mapping[str, Any]


class Oasst(Config):
    """Settings of `oasst`."""

    branches: Literal["all", "best"] = "all"
    """`all`: a row for each path from the root to a leaf; `best`: only that of the best-ranked replies."""


def parse(value: Any, config: Oasst) -> list[Draft]:
    """One draft for each branch of a tree, for a list of flat messages, or for one of them."""
    if isinstance(value, list):
        return _flat(value, config)
    fields = Fields(value, "the record")
    if "prompt" not in fields.record and "replies" not in fields.record:
        return _flat([value], config)
    root = fields.take("prompt") if "prompt" in fields.record else value
    if not isinstance(root, Mapping):
        raise Reject("no_conversation", f"prompt should be an object, found {kind(root)}")
    tree_id = text(fields.record.get("message_tree_id"))
    fields.take("message_tree_id")
    shared = fields.meta() if root is not value else {}
    return _drafts([root], {}, tree_id, shared, config)


def _flat(messages: list[Any], config: Oasst) -> list[Draft]:
    known: dict[str, _Node] = {}
    for position, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise Reject("not_an_object", f"message {position} should be an object, found {kind(message)}")
        own = text(message.get("message_id"))
        if own is not None:
            known.setdefault(own, message)
    replies: dict[int, list[_Node]] = {}  # by the identity of the parent: ids may repeat, nodes do not
    roots: list[_Node] = []
    for message in messages:
        # The parent may have been left out of the file; then the branch begins here.
        parent = known.get(text(message.get("parent_id")) or "")
        if parent is None or parent is message:
            roots.append(message)
        else:
            replies.setdefault(id(parent), []).append(message)
    reached, stack = 0, list(roots)
    while stack:
        reached += 1
        stack.extend(replies.get(id(stack.pop()), ()))
    if reached < len(messages):
        raise Reject("bad_messages", "parent_id of some messages go round in a circle")
    if not messages:
        raise Reject("no_conversation", "there is no message")
    return _drafts(roots, replies, text(messages[0].get("message_tree_id")), {}, config)


def _drafts(
    roots: list[_Node],
    replies: Mapping[int, list[_Node]],
    tree_id: str | None,
    shared: dict[str, Any],
    config: Oasst,
) -> list[Draft]:
    drafts: list[Draft] = []
    turns = 0
    for root in roots:
        for path in _paths(root, replies, config):
            turns += len(path)
            if turns > _MAX_TURNS:
                raise Reject("too_large", f"the tree's branches hold more than {_MAX_TURNS} messages")
            drafts.append(_draft(path, tree_id, shared))
    return drafts


def _paths(root: _Node, replies: Mapping[int, list[_Node]], config: Oasst) -> Iterator[list[_Node]]:
    """Every path from the root to a leaf, depth first, or the best-ranked one."""
    stack: list[tuple[_Node, int]] = [(root, 0)]
    path: list[_Node] = []
    while stack:
        node, depth = stack.pop()
        del path[depth:]
        path.append(node)
        below = _replies(node, replies)
        if not below:
            yield list(path)
        elif config.branches == "best":
            stack.append((min(below, key=_rank), depth + 1))
        else:
            stack.extend((reply, depth + 1) for reply in reversed(below))


def _replies(node: _Node, replies: Mapping[int, list[_Node]]) -> list[_Node]:
    nested = node.get("replies")
    if nested is None:
        return replies.get(id(node), [])
    if not isinstance(nested, list):
        raise Reject("bad_messages", f"replies should be an array, found {kind(nested)}")
    for reply in nested:
        if not isinstance(reply, Mapping):
            raise Reject("bad_messages", f"a reply should be an object, found {kind(reply)}")
    return nested


def _rank(node: _Node) -> float:
    rank = node.get("rank")
    return rank if isinstance(rank, int | float) and not isinstance(rank, bool) else float("inf")


def _draft(path: list[_Node], tree_id: str | None, shared: dict[str, Any]) -> Draft:
    messages: list[Turn] = []
    left: dict[str, Any] = {}
    model = None
    for position, node in enumerate(path):
        content = node.get("text")
        if content is not None and not isinstance(content, str):
            raise Reject("bad_messages", f"text should be a string, found {kind(content)}")
        name = node.get("role")
        role = role_of(name, "role")
        if role not in _NAMES:
            raise Reject("bad_messages", "role should be prompter or assistant, as the format knows no other")
        more = {key: item for key, item in node.items() if key not in _READ}
        if name != _NAMES.get(role):
            more["role"] = name
        left[str(position)] = more
        if role == "assistant":
            model = text(node.get("model_name")) or model
        messages.append(Turn(role, content, None, to_micros(node.get("created_date"))))
    leaf = text(path[-1].get("message_id"))
    draft = Draft(
        messages,
        conversation_id=f"{tree_id}:{leaf}" if tree_id and leaf else leaf or tree_id,
        model=model,
        created_at=messages[0].created_at,
        user_id=text(path[0].get("user_id")),
        truncated=messages[-1].role == "assistant" and messages[-1].content is None,
    )
    more = {"message_tree_id": tree_id} if tree_id else {}
    draft.meta = Fields(shared, "the tree").meta({**more, "messages": left})
    return draft


def group(value: Any) -> str | None:
    """The tree of a flat message; None for a tree, which is whole."""
    if not isinstance(value, Mapping) or "prompt" in value or "replies" in value:
        return None
    return text(value.get("message_tree_id"))


def recognise(value: Any) -> float:
    """1 for a tree or a message with its message_id, parent_id, role and text."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, Mapping):
        return 0.0
    if isinstance(value.get("prompt"), Mapping) and "message_tree_id" in value:
        return 1.0
    return (
        1.0 if {"message_id", "text", "role"} <= value.keys() and ("parent_id" in value or "replies" in value) else 0.0
    )


READER = Reader("oasst", Oasst, parse, recognise, group=group)
"""OpenAssistant's trees."""
