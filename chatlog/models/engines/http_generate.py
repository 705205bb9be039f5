"""A guard model asked through completions or chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from chatlog.models.engines.http_answers import has_extensions, read_answer, read_usage, request
from chatlog.models.engines.http_attempts import Caller, with_extensions
from chatlog.models.engines.http_calls import CallFailed, TooLong
from chatlog.models.engines.http_endpoints import Endpoint
from chatlog.models.engines.http_inputs import CUTS, SHORTEST
from chatlog.models.engines.shown import shown
from chatlog.models.guards import Answer, Guard, Judgment, Message, Question, Thresholds, UnreadableAnswer, failed


class GuardCalls:
    """Judges single messages by a guard's questions."""

    def __init__(self, caller: Caller, guard: Guard, thresholds: Thresholds, max_characters: int) -> None:
        self._caller = caller
        self._guard = guard
        self._thresholds = thresholds
        self._limit = max_characters
        self.counts = {"prompts": 0, "prompt_tokens": 0, "cached_tokens": 0}
        """Answers that came, and the tokens of their prompts by the servers' own accounts."""

    async def judge(self, conversation: Sequence[Message], affinity: bytes, ends: float) -> Judgment:
        """The judgment of the last message."""
        order = self._caller.endpoints.order(affinity)
        limit = self._limit
        for _ in range(CUTS + 1):
            messages, native = shown(conversation, limit)
            try:
                verdict = self._guard.read(messages, await self._answers(messages, order, ends))
            except TooLong:
                limit = max(len(message.content) for message in messages) // 2
                if limit < SHORTEST:
                    break
            except UnreadableAnswer:
                return failed("unreadable answer")
            except CallFailed as error:
                return failed(error.code)
            else:
                return self._thresholds.decide(replace(verdict, native={**verdict.native, **native}))
        return failed("prompt too long")

    async def _answers(self, messages: Sequence[Message], order: Sequence[Endpoint], ends: float) -> list[Answer]:
        # One after the other: the next question of a message begins with what the server has in its cache.
        answers: list[Answer] = []
        for question in self._guard.ask(messages):
            answers.append(await self._caller.attempts(order, ends, partial(self._answer, question, ends)))
        for question in self._guard.more(messages, answers):
            answers.append(await self._caller.attempts(order, ends, partial(self._answer, question, ends)))
        return answers

    async def _answer(self, question: Question, ends: float, endpoint: Endpoint) -> Answer:
        body = await with_extensions(endpoint, has_extensions(question), partial(self._post, question, ends, endpoint))
        answer = read_answer(body, question)
        sent, cached = read_usage(body)
        for name, number in (("prompts", 1), ("prompt_tokens", sent), ("cached_tokens", cached)):
            self.counts[name] += number
        return answer

    async def _post(self, question: Question, ends: float, endpoint: Endpoint, extended: bool) -> Any:
        path, body = request(question, self._caller.settings.model, extended)
        return await self._caller.post(endpoint, path, body, ends)


def affinities(conversations: Sequence[Sequence[Message]]) -> list[bytes]:
    """For each conversation what its calls have in common with those of others: where its window began.

    Windows that follow one another in one conversation have one affinity, also once the first messages have
    left the window.
    """
    found: list[bytes] = []
    before: Sequence[Message] = ()
    for conversation in conversations:
        context = conversation[:-1]
        if not context or tuple(before[-len(context) :]) != tuple(context):
            found.append(f"{conversation[0].role}\0{conversation[0].content}".encode("utf-8", "replace"))
        else:
            found.append(found[-1])
        before = conversation
    return found
