"""OpenAI's own moderation endpoint, many inputs in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chatlog.models.engines.http_answers import read_moderations
from chatlog.models.engines.http_attempts import Caller
from chatlog.models.engines.http_endpoints import Endpoint
from chatlog.models.engines.http_inputs import Inputs, Outcome
from chatlog.models.guards import Judgment, Message, Thresholds, Verdict, failed


class ModerationCalls:
    """Judges messages by the endpoint's scores; it sees no context."""

    def __init__(self, caller: Caller, thresholds: Thresholds, max_characters: int) -> None:
        self._caller = caller
        self._thresholds = thresholds
        self._inputs = Inputs(caller, self._ask, limit=max_characters)

    async def judge(self, messages: Sequence[Message], ends: float) -> list[Judgment]:
        """One judgment a message, in order."""
        found = await self._inputs.outcomes([message.content for message in messages], ends)
        return [self._judgment(outcome) for outcome in found]

    async def _ask(self, endpoint: Endpoint, texts: list[str], ends: float) -> list[Verdict | None]:
        body: dict[str, Any] = {"input": texts[0] if len(texts) == 1 else texts}
        if self._caller.settings.model:
            body["model"] = self._caller.settings.model
        return read_moderations(await self._caller.post(endpoint, "moderations", body, ends), len(texts))

    def _judgment(self, outcome: Outcome[Verdict]) -> Judgment:
        verdict = outcome.value
        if verdict is None:
            return failed(outcome.code)
        native = {**verdict.native, "cut_characters": outcome.cut} if outcome.cut else verdict.native
        return self._thresholds.decide(replace(verdict, native=native))
