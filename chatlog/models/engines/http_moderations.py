"""OpenAI's own moderation endpoint, many inputs in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatlog.models.engines.http_answers import read_moderations
from chatlog.models.engines.http_attempts import Caller
from chatlog.models.engines.http_calls import Again, CallFailed, Refused, TooLong
from chatlog.models.engines.http_endpoints import Endpoint
from chatlog.models.engines.http_generate import CUTS, SHORTEST
from chatlog.models.guards import Judgment, Message, Thresholds, Verdict, failed


@dataclass(frozen=True)
class _Input:
    """A text at its place among those of a call; of it `characters` are sent."""

    place: int
    text: str
    characters: int
    cuts: int = 0

    @property
    def sent(self) -> str:
        return self.text[: self.characters]


class ModerationCalls:
    """Judges messages by the endpoint's scores; it sees no context."""

    def __init__(self, caller: Caller, thresholds: Thresholds, max_characters: int) -> None:
        self._caller = caller
        self._thresholds = thresholds
        self._limit = max_characters

    async def judge(self, messages: Sequence[Message], ends: float) -> list[Judgment]:
        """One judgment a message, in order."""
        order = self._caller.endpoints.order(messages[0].content.encode("utf-8", "replace"))
        inputs = [
            _Input(place, message.content, min(len(message.content), self._limit))
            for place, message in enumerate(messages)
        ]
        found: dict[int, Judgment] = {}
        await self._judge(inputs, order, ends, found)
        return [found[place] for place in range(len(messages))]

    async def _judge(
        self, inputs: Sequence[_Input], order: Sequence[Endpoint], ends: float, found: dict[int, Judgment]
    ) -> None:
        async def call(endpoint: Endpoint) -> list[Verdict | None]:
            body: dict[str, Any] = {"input": inputs[0].sent if len(inputs) == 1 else [each.sent for each in inputs]}
            if self._caller.settings.model:
                body["model"] = self._caller.settings.model
            told = read_moderations(await self._caller.post(endpoint, "moderations", body, ends), len(inputs))
            if not any(told):
                raise Again("answer of another form", by_input=True)
            return told

        try:
            verdicts = await self._caller.attempts(order, ends, call)
        except CallFailed as error:
            by_input = isinstance(error, Refused) or (isinstance(error, Again) and error.by_input)
            if by_input and len(inputs) > 1:
                # Which one it was is not told: halves find it, and the others do not pay for it.
                half = len(inputs) // 2
                await self._judge(inputs[:half], order, ends, found)
                await self._judge(inputs[half:], order, ends, found)
            elif isinstance(error, TooLong):
                await self._shorter(inputs[0], order, ends, found)
            else:
                found.update((each.place, failed(error.code)) for each in inputs)
            return
        for each, verdict in zip(inputs, verdicts, strict=True):
            if verdict is None:  # the others are judged, and are not asked again
                await self._judge([each], order, ends, found)
                continue
            cut = len(each.text) - each.characters
            native = {**verdict.native, "cut_characters": cut} if cut else verdict.native
            found[each.place] = self._thresholds.decide(replace(verdict, native=native))

    async def _shorter(self, each: _Input, order: Sequence[Endpoint], ends: float, found: dict[int, Judgment]) -> None:
        half = each.characters // 2
        if each.cuts == CUTS or half < SHORTEST:
            found[each.place] = failed("prompt too long")
            return
        await self._judge([replace(each, characters=half, cuts=each.cuts + 1)], order, ends, found)
