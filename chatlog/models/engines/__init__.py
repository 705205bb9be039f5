"""Engines that judge messages: our classifier on a CPU, vLLM in this process, a server over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatlog.models.guards import Judgment, Message


class Engine(Protocol):
    """Judges messages, many at once."""

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, in order: of its last message, with those before as context.

        A call that fails gives a judgment of status `error`; it never raises for one conversation.
        """
