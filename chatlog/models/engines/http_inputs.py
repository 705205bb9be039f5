"""Many texts in one call: one that a server stumbles over costs only itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from chatlog.models.engines.http_attempts import Caller
from chatlog.models.engines.http_calls import Again, CallFailed, Refused, TooLong
from chatlog.models.engines.http_endpoints import Endpoint

CUTS: Final = 5
"""How often a message that the server finds too long is cut to a half."""

SHORTEST: Final = 50
"""Characters below which a cut message is no message any more."""

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of one text.

    Attributes:
        value: the answer; None where there is none.
        code: why there is none, without text.
        cut: characters at the text's end that the server did not see.
    """

    value: T | None
    code: str = ""
    cut: int = 0


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


class Inputs(Generic[T]):
    """Asks about texts together.

    Args:
        caller: of the servers.
        ask: asks a server about texts until a moment; gives an answer for each, None where it is no good.
        limit: characters of a text that are sent.
        cuts: how often a text that the server finds too long is cut to a half.
    """

    def __init__(
        self,
        caller: Caller,
        ask: Callable[[Endpoint, list[str], float], Awaitable[list[T | None]]],
        *,
        limit: int,
        cuts: int = CUTS,
    ) -> None:
        self._caller = caller
        self._ask = ask
        self._limit = limit
        self._cuts = cuts

    async def outcomes(self, texts: Sequence[str], ends: float) -> list[Outcome[T]]:
        """One outcome a text, in order; all are there by `ends`."""
        order = self._caller.endpoints.order(texts[0].encode("utf-8", "replace"))
        inputs = [_Input(place, text, min(len(text), self._limit)) for place, text in enumerate(texts)]
        found: dict[int, Outcome[T]] = {}
        await self._together(inputs, order, ends, found)
        return [found[place] for place in range(len(texts))]

    async def _together(
        self, inputs: Sequence[_Input], order: Sequence[Endpoint], ends: float, found: dict[int, Outcome[T]]
    ) -> None:
        async def call(endpoint: Endpoint) -> list[T | None]:
            told = await self._ask(endpoint, [each.sent for each in inputs], ends)
            if all(answer is None for answer in told):
                raise Again("answer of another form", by_input=True)
            return told

        try:
            answers = await self._caller.attempts(order, ends, call)
        except CallFailed as error:
            by_input = isinstance(error, Refused) or (isinstance(error, Again) and error.by_input)
            if by_input and len(inputs) > 1:
                # Which one it was is not told: halves find it, and the others do not pay for it.
                half = len(inputs) // 2
                await self._together(inputs[:half], order, ends, found)
                await self._together(inputs[half:], order, ends, found)
            elif isinstance(error, TooLong):
                await self._shorter(inputs[0], order, ends, found)
            else:
                found.update((each.place, Outcome(None, error.code)) for each in inputs)
            return
        for each, answer in zip(inputs, answers, strict=True):
            if answer is None:  # the others have theirs, and are not asked again
                await self._together([each], order, ends, found)
            else:
                found[each.place] = Outcome(answer, cut=len(each.text) - each.characters)

    async def _shorter(
        self, each: _Input, order: Sequence[Endpoint], ends: float, found: dict[int, Outcome[T]]
    ) -> None:
        half = each.characters // 2
        if each.cuts == self._cuts or half < SHORTEST:
            found[each.place] = Outcome(None, "prompt too long")
            return
        await self._together([replace(each, characters=half, cuts=each.cuts + 1)], order, ends, found)
