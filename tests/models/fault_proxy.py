"""A proxy that stands before a server and breaks calls by a schedule that a seed decides.

The schedule is dealt in the order in which requests come: of the faults each comes once before one comes again, so
that a few dozen requests meet all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from random import Random
from time import time
from typing import Final
from urllib.parse import urlsplit

FAULTS: Final = (
    "limited",  # 429 with Retry-After in seconds
    "limited_date",  # 429 with Retry-After as a date
    "broken",  # 500
    "late",  # 503, after the server has answered: what it did is done twice
    "hang",  # no answer
    "cut",  # a body that ends in the middle
    "reset",  # a connection that ends before any answer
    "garbage",  # 200 with something that is no JSON
    "shape",  # 200 with JSON of another form
    "empty",  # 200 with no body
    "drip",  # the answer, one byte at a time, too slow to end in time
    "slow",  # the answer in pieces, in time
    "twice",  # the answer, and once more after it on the same connection
)


class FaultProxy:
    """Forwards to `upstream`, with faults.

    Attributes:
        dealt: for each body, by its hash, what happened to it each time that it came; empty for nothing.
        forwarded: how often each body reached the server.
    """

    def __init__(
        self,
        upstream: str,
        seed: int,
        *,
        rate: float = 0.5,
        most: int | None = 2,
        kinds: Sequence[str] = FAULTS,
        hang_s: float = 30,
    ) -> None:
        parts = urlsplit(upstream)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self._random = Random(seed)
        self._deck: list[str] = []
        self._rate = rate
        self._most = most
        self._kinds = tuple(kinds)
        self._hang_s = hang_s
        self.dealt: dict[str, list[str]] = {}
        self.forwarded: Counter[str] = Counter()
        self.port = 0

    @property
    def url(self) -> str:
        """What takes the place of the server's URL."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    def _deal(self, name: str) -> str:
        before = self.dealt.setdefault(name, [])
        kind = ""
        if (self._most is None or len(before) < self._most) and self._random.random() < self._rate:
            self._deck = self._deck or self._random.sample(self._kinds, len(self._kinds))
            kind = self._deck.pop()
        before.append(kind)
        return kind

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with all its requests."""
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        name = hashlib.sha256(body).hexdigest()
        kind = self._deal(name)
        if kind in ("limited", "limited_date"):
            after = "0.05" if kind == "limited" else formatdate(time() - 1, usegmt=True)
            await _send(writer, _answer(b"{}", "429 Too Many Requests", f"Retry-After: {after}\r\n"))
        elif kind == "broken":
            await _send(writer, _answer(b'{"error": {"message": "x"}}', "500 Internal Server Error"))
        elif kind == "hang":
            await asyncio.wait_for(reader.read(1), self._hang_s)
            return False
        elif kind == "reset":
            return False
        elif kind in ("garbage", "shape", "empty"):
            wrong = {"garbage": b"<html>\xff</html>", "shape": b'{"choices": [], "results": []}', "empty": b""}[kind]
            await _send(writer, _answer(wrong))
        else:
            return await self._forwarded(kind, head, body, name, writer)
        return True

    async def _forwarded(self, kind: str, head: bytes, body: bytes, name: str, writer: asyncio.StreamWriter) -> bool:
        whole = await self._upstream(head, body)
        self.forwarded[name] += 1
        if kind == "late":
            await _send(writer, _answer(b"{}", "503 Service Unavailable"))
        elif kind == "cut":
            await _send(writer, whole[: -(len(whole.partition(b"\r\n\r\n")[2]) // 2 or 1)])
            return False
        elif kind == "drip":
            for at in range(len(whole)):
                await _send(writer, whole[at : at + 1])
                await asyncio.sleep(0.05)
        elif kind == "slow":
            for at in range(0, len(whole), len(whole) // 5 + 1):
                await _send(writer, whole[at : at + len(whole) // 5 + 1])
                await asyncio.sleep(0.02)
        else:
            await _send(writer, whole * (2 if kind == "twice" else 1))
        return True

    async def _upstream(self, head: bytes, body: bytes) -> bytes:
        """The server's answer, framed anew."""
        lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            await _send(writer, b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
            whole = await reader.read()
        finally:
            writer.close()
        answered, _, told = whole.partition(b"\r\n\r\n")
        status = answered.split(b"\r\n")[0].split(b" ", 1)[1].decode()
        if b"transfer-encoding: chunked" in answered.lower():
            told = _unchunked(told)
        return _answer(told, status)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _unchunked(told: bytes) -> bytes:
    whole = b""
    while told:
        size, _, told = told.partition(b"\r\n")
        whole, told = whole + told[: int(size, 16)], told[int(size, 16) + 2 :]
    return whole


def _answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


@contextmanager
def running(proxy: FaultProxy) -> Iterator[FaultProxy]:
    """The proxy, served by a thread until the block ends."""
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=128)
        proxy.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
