"""The embeddings endpoint of OpenAI's API, many texts in one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chatlog.models.engines.http_answers import read_embeddings, read_usage
from chatlog.models.engines.http_attempts import Caller, with_extensions
from chatlog.models.engines.http_calls import LARGEST, CallFailed
from chatlog.models.engines.http_endpoints import Endpoint
from chatlog.models.engines.http_inputs import Inputs

_LARGEST_VECTOR: Final = 1 << 18
"""Bytes of one vector in an answer: 8,192 numbers of JSON have some 170,000."""

_CUTS: Final = 20
"""A text is cut to a half until it fits: servers read from a few hundred tokens on, and no text may be left out."""

Vector = npt.NDArray[np.float32]


class EmbeddingCalls:
    """Asks for the vectors of texts.

    Args:
        caller: of the servers.
        dimensions: asked for, and kept of a longer vector; None for all.
        max_characters: of a text that are sent.
    """

    def __init__(self, caller: Caller, dimensions: int | None, max_characters: int) -> None:
        self._caller = caller
        self._dimensions = dimensions
        self._inputs = Inputs(caller, self._ask, limit=max_characters, cuts=_CUTS)
        self._slots = asyncio.Semaphore(caller.endpoints.slots)
        self.length: int | None = None
        """Of every vector; None until the first one tells it."""
        self.prompt_tokens = 0
        """By the servers' own accounts."""

    async def vectors(self, texts: Sequence[str]) -> list[tuple[Vector, int]]:
        """A vector a text, in order, and how many characters at the text's end it does not tell of.

        Raises:
            CallFailed: a text has none, after all retries. The other calls are given up.
        """
        # Texts of one length go together: a server fills up the shorter ones of a call.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        size = self._caller.settings.inputs_per_call
        groups = [order[start : start + size] for start in range(0, len(order), size)]
        found: dict[int, tuple[Vector, int]] = {}
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in groups:
                    tasks.create_task(self._group(texts, group, found))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [found[place] for place in range(len(texts))]

    async def _group(self, texts: Sequence[str], group: Sequence[int], found: dict[int, tuple[Vector, int]]) -> None:
        async with self._slots:
            if not await self._caller.endpoints.ready():
                raise CallFailed(self._caller.endpoints.code)
            # The time of these texts begins when it is their turn, not while they wait for a server to come back.
            ends = time.monotonic() + self._caller.settings.deadline_s
            outcomes = await self._inputs.outcomes([texts[place] for place in group], ends)
        for place, outcome in zip(group, outcomes, strict=True):
            if outcome.value is None:
                raise CallFailed(outcome.code)
            found[place] = (outcome.value, outcome.cut)

    async def _ask(self, endpoint: Endpoint, texts: list[str], ends: float) -> list[Vector | None]:
        body: dict[str, Any] = {"model": self._caller.settings.model, "input": texts}
        if self._dimensions is not None:
            body["dimensions"] = self._dimensions

        async def post(extended: bool) -> Any:
            # A quarter of the bytes, and every bit of a number; some servers know arrays alone.
            more = {"encoding_format": "base64"} if extended else {}
            largest = LARGEST + len(texts) * _LARGEST_VECTOR
            return await self._caller.post(endpoint, "embeddings", body | more, ends, largest)

        told = await with_extensions(endpoint, True, post)
        vectors = [self._cut(vector) for vector in read_embeddings(told, len(texts))]
        self.prompt_tokens += read_usage(told)[0]
        return vectors

    def _cut(self, vector: Vector | None) -> Vector | None:
        """The leading dimensions that are kept; None for a vector that is not as long as the others."""
        if vector is None:
            return None
        kept = vector[: self._dimensions]
        self.length = self.length or len(kept)
        return kept if len(kept) == self.length else None
