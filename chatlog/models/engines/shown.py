"""What a guard is shown of a conversation: cut to a limit, and what was cut is told."""

from __future__ import annotations

from collections.abc import Sequence

from chatlog.models.guards import Message


def shown(conversation: Sequence[Message], limit: int) -> tuple[list[Message], dict[str, object]]:
    """The messages within `limit` characters for the judged one and `limit` for its context, and what was cut.

    The judged message keeps its beginning; of the context the latest characters are kept.
    """
    last = conversation[-1]
    cut = max(0, len(last.content) - limit)
    kept: list[Message] = [Message(last.role, last.content[:limit])]
    left = limit
    cut_context = 0
    for message in reversed(conversation[:-1]):
        content = message.content[-left:] if left else ""
        cut_context += len(message.content) - len(content)
        left -= len(content)
        if content:
            kept.insert(0, Message(message.role, content))
    native: dict[str, object] = {}
    if cut:
        native["cut_characters"] = cut
    if cut_context:
        native["cut_context_characters"] = cut_context
    return kept, native
