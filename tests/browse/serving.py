"""A server of a run on loopback, while a test talks to it in bytes of its own."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.browse import BrowseServer, browsing

SECRET: Final = "zqxsecret"
"""Stands in every conversation that is served, and must not stand where nobody may read it."""


@contextmanager
def serving(run: Path, **how: Any) -> Iterator[BrowseServer]:
    """The server, serving."""
    with browsing(run, **how) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(server: BrowseServer, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """The answer to a request with the cookie; `headers` change its headers by name, an empty one takes it away."""
    door = server.door
    sent = {"Host": f"127.0.0.1:{door.port}", "Cookie": f"{door.cookie}={door.token}"}
    if method == "POST":
        sent |= {"Origin": f"http://127.0.0.1:{door.port}", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value:
                connection.putheader(name, value)
        if body is not None and "Content-Length" not in sent:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        told = connection.getresponse()
        return Answer(told.status, {name.lower(): value for name, value in told.getheaders()}, told.read())
    finally:
        connection.close()


def raw(server: BrowseServer, data: bytes) -> bytes:
    """What comes back on a connection for these bytes."""
    with socket.create_connection(("127.0.0.1", server.door.port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found
