"""The connections that calls go over. Imports httpx: it is imported where the engine is opened."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any, Final

import httpcore
import httpx

_HEAD: Final = re.compile(rb"HTTP/1\.[01] \d\d\d")
_HEAD_BYTES: Final = 12

_TELLING: Final = ("httpx", "httpcore.http11", "httpcore.connection", "httpcore.proxy")
"""Loggers that tell status lines and headers, at INFO and DEBUG; a server may quote a prompt in any of them."""


def open_client(connections: int) -> httpx.AsyncClient:
    """A client that keeps so many connections alive, follows no redirect and reads no `.netrc` or proxy setting.

    Its packages log warnings alone from then on.
    """
    for name in _TELLING:
        logging.getLogger(name).setLevel(logging.WARNING)
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30)
    return httpx.AsyncClient(transport=_Transport(limits), timeout=None, trust_env=False, follow_redirects=False)


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own, over connections that are not used again once more came than one answer.

    h11 keeps what follows an answer and takes it for the answer to the next request, so that a message would
    get another one's verdict.
    """

    def __init__(self, limits: httpx.Limits) -> None:
        super().__init__(limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),  # knows SSL_CERT_FILE, for a certificate authority of one's own
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(),
        )


class _Network(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that counts the heads of answers since the last request."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._heads = 0
        self._tail = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._inner.read(max_bytes, timeout)
        seen = self._tail + data
        self._heads += len(_HEAD.findall(seen))
        # The end is seen again with what comes next, less than a head: none is counted twice.
        self._tail = seen[-(_HEAD_BYTES - 1) :]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._heads <= 1:
            self._heads = 0
        self._tail = b""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        # The pool closes an idle connection that has something to read. Text of an answer that looks like a
        # head costs a new connection, nothing else.
        if info == "is_readable" and self._heads > 1:
            return True
        return self._inner.get_extra_info(info)
