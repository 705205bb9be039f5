"""A call repeated until it succeeds, at one server or another, within limits."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chatlog.models.engines.http_calls import LARGEST, Again, CallFailed, NotHere, Refused, TooLong, post
from chatlog.models.engines.http_endpoints import Endpoint, Endpoints
from chatlog.models.engines.http_settings import HttpSettings

if TYPE_CHECKING:
    import httpx

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0

T = TypeVar("T")


class Caller:
    """Calls servers for one engine."""

    def __init__(self, settings: HttpSettings, endpoints: Endpoints, client: httpx.AsyncClient) -> None:
        self.settings = settings
        self.endpoints = endpoints
        self._client = client

    async def post(
        self, endpoint: Endpoint, path: str, body: Mapping[str, Any], ends: float, largest: int = LARGEST
    ) -> Any:
        """The JSON answer of one call, which may last until `ends` and as long as a call may.

        Raises:
            CallFailed: there is none.
        """
        seconds = max(0.001, min(self.settings.timeout_s, ends - time.monotonic()))
        return await post(self._client, f"{endpoint.url}/{path}", endpoint.key, body, seconds, largest)

    async def attempts(self, order: Sequence[Endpoint], ends: float, call: Callable[[Endpoint], Awaitable[T]]) -> T:
        """What `call` returns, once it does, at the first server of `order` that is well.

        Raises:
            CallFailed: as the last attempt did; after `retries` further ones, at `ends`, or when it is refused.
        """
        last: CallFailed | None = None
        refused: set[str] = set()
        avoid: set[str] = set()
        attempt = 0
        while True:
            taken = await self.endpoints.take(order, avoid, ends)
            if taken is None:
                raise last or CallFailed(self.endpoints.code if self.endpoints.given_up() else "deadline")
            endpoint, probe = taken
            try:
                found = await call(endpoint)
            except BaseException as error:
                await self.endpoints.give_back(endpoint, probe, error)
                if not isinstance(error, Again | NotHere):
                    raise
                last = error
            else:
                await self.endpoints.give_back(endpoint, probe, None)
                return found
            attempt += 1
            if isinstance(last, NotHere):
                refused.add(endpoint.url)
            if attempt > self.settings.retries or len(refused) == len(order) or self.endpoints.given_up():
                raise last
            avoid = refused | {endpoint.url}
            # Full jitter: many calls that failed at one moment do not come back at one moment.
            wait = random.uniform(0, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempt - 1, 10)))
            if time.monotonic() + wait >= ends:
                raise last
            if endpoint.url not in refused:
                await asyncio.sleep(wait)


async def with_extensions(endpoint: Endpoint, has: bool, post: Callable[[bool], Awaitable[T]]) -> T:
    """What `post` returns: told to use extensions of OpenAI's requests, unless this server is known to refuse them.

    That is one call for `attempts`, or two where the server has to be learnt to know.

    Args:
        endpoint: the server.
        has: whether the request has any.
        post: sends the request, with or without them.
    """
    extended = has and endpoint.extended is not False
    try:
        found = await post(extended)
    except TooLong:
        raise
    except Refused:
        if not extended or endpoint.extended:
            raise
        found = await post(False)
        endpoint.extended = False
    else:
        endpoint.extended = extended or endpoint.extended
    return found
