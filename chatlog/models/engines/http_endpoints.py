"""Many servers at once: which one takes a call, and which one is left alone for a while."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import xxhash

from chatlog.models.engines.http_calls import Again, CallFailed, NotHere

TRIP: Final = 5
"""Failures in a row after which a server is rested."""

_FIRST_REST: Final = 1.0
_ROOM: Final = 1.25
"""How far a server may be filled over its share while others are slower: hashing with bounded loads."""

_LOOK: Final = 0.1
"""Seconds after which a waiting call looks again whether a rest is over."""


@dataclass
class Endpoint:
    """One server, and how it does.

    It is *closed* (well) until TRIP calls in a row have failed, then *open*: it rests, twice as long after
    each further failure. When the rest is over one call probes it (*half-open*), and its success closes it.
    """

    url: str
    key: str = field(repr=False)
    weight: float
    room: int
    longest_rest: float
    extended: bool | None = None
    """Whether it takes vLLM's extensions of OpenAI's requests; None until a call has told."""
    busy: int = 0
    failures: int = 0
    probed: bool = False
    rest: float = 0.0
    rests_until: float = 0.0
    barred: str = ""
    """The code by which it refused every call of our kind (a wrong key, say); empty once it takes one."""

    @property
    def closed(self) -> bool:
        """Whether it takes as many calls as it has room for."""
        return self.failures < TRIP

    def well(self, now: float) -> bool:
        """Whether a call may begin, were there room."""
        return now >= self.rests_until and (self.closed or not self.probed)

    def begin(self) -> bool:
        """Counts a call that begins; whether it is a probe."""
        self.busy += 1
        probe = not self.closed
        self.probed = self.probed or probe
        return probe

    def end(self, error: BaseException | None, probe: bool, now: float) -> None:
        """Counts a call that ended."""
        self.busy -= 1
        if probe:
            self.probed = False
        if isinstance(error, Again) and error.after is not None:
            self.rests_until = max(self.rests_until, now + error.after)
        failed = isinstance(error, NotHere) or (isinstance(error, Again) and not error.alive)
        if not failed:
            if error is None or isinstance(error, CallFailed):  # else the call was given up by us
                self.failures, self.rest, self.barred = 0, 0.0, ""
            return
        if not self.closed and not probe:
            return  # it began before the breaker opened, and tells nothing new
        self.barred = error.code if isinstance(error, NotHere) else ""
        self.failures = TRIP if self.barred else self.failures + 1
        if not self.closed:
            self.rest = min(self.longest_rest, self.rest * 2 or _FIRST_REST)
            self.rests_until = max(self.rests_until, now + self.rest * random.uniform(0.75, 1.0))


class Endpoints:
    """The servers of one engine. Lives in one event loop."""

    def __init__(
        self,
        servers: Sequence[tuple[str, str, float]],
        *,
        concurrency: int,
        per_server: int | None,
        longest_rest: float,
        give_up_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        total = math.fsum(weight for _, _, weight in servers)
        self.all = [
            Endpoint(
                url,
                key,
                weight,
                min(concurrency, per_server or max(1, math.ceil(_ROOM * concurrency * weight / total))),
                longest_rest,
            )
            for url, key, weight in servers
        ]
        self.slots = min(concurrency, sum(endpoint.room for endpoint in self.all))
        self._give_up_s = give_up_s
        self._clock = clock
        self._failing_since: float | None = None
        self._changed = asyncio.Condition()

    def order(self, affinity: bytes) -> list[Endpoint]:
        """The servers from the one that is to take the calls of this affinity on.

        Weighted rendezvous hashing: each comes first as often as its weight says, and where one is away, only
        its own calls go elsewhere.
        """
        return sorted(self.all, key=lambda endpoint: endpoint.weight / _exponential(endpoint.url, affinity))[::-1]

    def given_up(self) -> bool:
        """Whether waiting has no more sense: no call has succeeded for long, or every server refuses all of them."""
        since = self._failing_since
        late = since is not None and self._clock() - since >= self._give_up_s
        return late or all(endpoint.barred for endpoint in self.all)

    @property
    def code(self) -> str:
        """Why they were given up: how they refuse, or that none answers."""
        return self.all[0].barred or "no server"

    async def ready(self) -> bool:
        """Waits until some server is well; False when none was for too long."""
        while not any(endpoint.well(self._clock()) for endpoint in self.all):
            if self.given_up():
                return False
            await self._wait(_LOOK)
        return True

    async def take(self, order: Sequence[Endpoint], avoid: set[str], ends: float) -> tuple[Endpoint, bool] | None:
        """The first server of `order` that is well and has room, and whether this call probes it.

        None when there was none until `ends`, or when all have failed for too long. Those of `avoid` come last.
        """
        sorted_ = [each for each in order if each.url not in avoid] + [each for each in order if each.url in avoid]
        while True:
            now = self._clock()
            for endpoint in sorted_:
                if endpoint.busy < endpoint.room and endpoint.well(now):
                    return endpoint, endpoint.begin()
            if now >= ends or self.given_up():
                return None
            await self._wait(min(_LOOK, max(0.001, ends - now)))

    async def give_back(self, endpoint: Endpoint, probe: bool, error: BaseException | None) -> None:
        """Ends what `take` began."""
        now = self._clock()
        endpoint.end(error, probe, now)
        if isinstance(error, Again | NotHere):
            self._failing_since = now if self._failing_since is None else self._failing_since
            if self.given_up():
                endpoint.rests_until = max(endpoint.rests_until, now + endpoint.longest_rest)
        elif error is None or isinstance(error, CallFailed):
            self._failing_since = None
        async with self._changed:
            self._changed.notify()

    async def _wait(self, seconds: float) -> None:
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait(), seconds)
            except TimeoutError:
                pass


def _exponential(url: str, affinity: bytes) -> float:
    """A draw of an exponential distribution that depends on both alone."""
    number = xxhash.xxh3_64_intdigest(url.encode() + b"\0" + affinity)
    return max(-math.log((number + 1) / (2**64 + 1)), 1e-300)
