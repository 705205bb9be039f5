"""Servers and the connections to them, in an event loop of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from chatlog.models.engines.http_attempts import Caller
from chatlog.models.engines.http_endpoints import Endpoints
from chatlog.models.engines.http_settings import HttpSettings, servers

T = TypeVar("T")


@contextmanager
def connected(settings: HttpSettings) -> Iterator[tuple[Caller, asyncio.AbstractEventLoop]]:
    """What calls the servers, and the loop that it lives in; connections are kept alive until the block ends.

    Raises:
        ConfigError: a key that the settings name is not there.
    """
    endpoints = Endpoints(
        servers(settings),
        concurrency=settings.concurrency,
        per_server=settings.server_concurrency,
        longest_rest=settings.rest_s,
        give_up_s=settings.give_up_s,
    )
    from chatlog.models.engines.http_wire import open_client

    client = open_client(sum(endpoint.room for endpoint in endpoints.all))
    with _event_loop() as loop:
        try:
            yield Caller(settings, endpoints, client), loop
        finally:
            wait_for(loop, client.aclose())


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, without work under way at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="chatlog-http", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        wait_for(loop, loop.shutdown_asyncgens())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def wait_for(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """The result of work in the loop's thread; when the wait is broken off, so is the work."""
    done = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return done.result()
    except BaseException:
        done.cancel()
        raise
