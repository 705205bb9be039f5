"""The `http` engine: any OpenAI-compatible servers, or OpenAI's own moderation endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatlog.models.engines.http_attempts import Caller
from chatlog.models.engines.http_connected import connected, wait_for
from chatlog.models.engines.http_generate import GuardCalls, affinities
from chatlog.models.engines.http_moderations import ModerationCalls
from chatlog.models.engines.http_settings import HttpSettings
from chatlog.models.guards import Guard, Judgment, Message, Thresholds, failed


class HttpEngine:
    """Judges messages through servers, many calls at once; every message comes back, judged or as an error."""

    def __init__(self, caller: Caller, calls: GuardCalls | ModerationCalls, loop: asyncio.AbstractEventLoop) -> None:
        self._caller = caller
        self._calls = calls
        self._loop = loop
        self._slots = asyncio.Semaphore(caller.endpoints.slots)

    @property
    def counts(self) -> dict[str, int]:
        """What its servers were asked so far; nothing of OpenAI's moderation endpoint, which tells no tokens."""
        return dict(self._calls.counts) if isinstance(self._calls, GuardCalls) else {}

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, in order."""
        return wait_for(self._loop, self._judge(conversations))

    async def _judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        # A place in the list is one task's, and a task returns once: whatever is repeated, it counts once.
        if isinstance(self._calls, ModerationCalls):
            size = self._caller.settings.inputs_per_call
            groups = [conversations[start : start + size] for start in range(0, len(conversations), size)]
            jobs = [self._moderated(self._calls, group) for group in groups]
        else:
            marks = affinities(conversations)
            jobs = [self._asked(self._calls, each, mark) for each, mark in zip(conversations, marks, strict=True)]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(job) for job in jobs]
        return [judgment for task in running for judgment in task.result()]

    async def _asked(self, calls: GuardCalls, conversation: Sequence[Message], affinity: bytes) -> list[Judgment]:
        async with self._slots:
            if not await self._caller.endpoints.ready():
                return [failed(self._caller.endpoints.code)]
            return [await calls.judge(conversation, affinity, self._ends())]

    async def _moderated(self, calls: ModerationCalls, group: Sequence[Sequence[Message]]) -> list[Judgment]:
        async with self._slots:
            if not await self._caller.endpoints.ready():
                return [failed(self._caller.endpoints.code) for _ in group]
            return await calls.judge([conversation[-1] for conversation in group], self._ends())

    def _ends(self) -> float:
        # A message's time begins when it is its turn, and not while it waits for a server to come back.
        return time.monotonic() + self._caller.settings.deadline_s


@contextmanager
def open_http(
    settings: HttpSettings, guard: Guard | None, thresholds: Thresholds, *, max_characters: int
) -> Iterator[HttpEngine]:
    """The engine, with connections that are kept alive until the block ends.

    Args:
        settings: servers and limits.
        guard: how the model is asked; None for OpenAI's moderation endpoint.
        thresholds: from which scores flag.
        max_characters: of a message, and of its context, that are sent.

    Raises:
        ConfigError: a key that the settings name is not there.
    """
    with connected(settings) as (caller, loop):
        calls: GuardCalls | ModerationCalls
        if guard is None:
            calls = ModerationCalls(caller, thresholds, max_characters)
        else:
            calls = GuardCalls(caller, guard, thresholds, max_characters)
        yield HttpEngine(caller, calls, loop)
