"""HTTP as the Hub speaks it: requests that are counted, faults on purpose, tokens, errors with their codes."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, unquote, urlsplit

from tests.release.hub_store import Repo


@dataclass
class Seen:
    """One request, as it came."""

    method: str
    path: str
    token: str
    bytes: int = 0
    body: bytes = b""


@dataclass
class Fault:
    """What goes wrong, `times` times, with requests of this method whose path matches.

    `status` is answered, or when it is 0 the connection is cut after `after` bytes of the body; `then` runs before.
    """

    method: str
    path: str
    status: int = 0
    after: int = 0
    times: int = 1
    then: Callable[[], None] = lambda: None


@dataclass
class HubServer:
    """The state of the server: what tests set up and look at."""

    url: str = ""
    cdn_url: str = ""
    part_bytes: int = 5 << 20
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    repos: dict[str, Repo] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def writes(self) -> list[str]:
        """Requests that could change something. Asking what to send, and whether a card is valid, cannot."""
        return [
            f"{seen.method} {seen.path}"
            for seen in self.seen
            if seen.method in ("PUT", "DELETE", "PATCH") or (seen.method == "POST" and not _ASKS.search(seen.path))
        ]

    def sent(self) -> list[str]:
        """SHA-256 of each large file, or part of one, whose bytes came whole, in order."""
        return [seen.path.split("/")[2] for seen in self.seen if seen.method == "PUT" and seen.path.startswith("/lfs/")]


_ASKS: Final = re.compile(r"/paths-info/|/validate-yaml$|/preupload/|/info/lfs/objects/batch$|/verify$")


class Answer(Exception):
    """Ends a request."""

    def __init__(self, status: int, body: Any = None, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers


def refuse(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": message}, **{"X-Error-Code": code, "X-Error-Message": message})


class Speaker(BaseHTTPRequestHandler):
    """Reads a request, lets go wrong what should, knows who asks, and answers."""

    protocol_version = "HTTP/1.1"
    hub: HubServer
    routes: ClassVar[list[tuple[str, str, Callable[..., None]]]] = []

    def log_message(self, format: str, *args: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        # A client that waits for the second half of an answer would wait 40 ms for nothing.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _any(self) -> None:
        parts = urlsplit(self.path)
        self.route, self.query = unquote(parts.path), parse_qs(parts.query)
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        seen = Seen(self.command, self.route, self.token)
        fault = self._fault()
        if fault is not None and not fault.status:
            seen.bytes = len(self.rfile.read(fault.after)) if fault.after else 0
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        seen.body = self._read()
        seen.bytes = len(seen.body)
        with self.hub.lock:
            self.hub.seen.append(seen)
            try:
                if fault is not None:
                    raise refuse(fault.status, "", "told so by the test")
                self._routed(seen.body)
                raise refuse(404, "", f"no route {self.command} {self.route}")
            except Answer as answer:
                pass_on = answer
        self._answer(pass_on)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _fault(self) -> Fault | None:
        with self.hub.lock:
            for fault in self.hub.faults:
                if fault.times and fault.method == self.command and re.search(fault.path, self.route):
                    fault.times -= 1
                    fault.then()
                    return fault
        return None

    def _read(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, answer: Answer) -> None:
        plain = isinstance(answer.body, bytes)
        body = answer.body if plain else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not plain:
            self.send_header("Content-Type", "application/json")
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _routed(self, body: bytes) -> None:
        for method, pattern, action in self.routes:
            if method in (self.command, "*") and (found := re.fullmatch(pattern, self.route)):
                action(self, body, *found.groups())

    # Who asks

    def _user(self) -> dict[str, Any] | None:
        if not self.token:
            return None
        if self.token not in self.hub.tokens:
            raise refuse(401, "", "Invalid credentials in Authorization header")
        return self.hub.tokens[self.token]

    def _own(self, name: str) -> bool:
        user = self._user()
        return user is not None and name.split("/")[0] in (user["name"], *user["orgs"])

    def _repo(self, name: str, *, write: bool = False) -> Repo:
        """The repository, for who may read or write it; to others a private one looks absent."""
        user, repo = self._user(), self.hub.repos.get(name)
        if repo is None or (repo.private and not self._own(name)):
            raise refuse(404 if user else 401, "RepoNotFound", "Repository not found")
        if write and not (user and self._own(name) and user["role"] == "write"):
            raise refuse(403, "", "You don't have the right to write here")
        return repo

    def _readable(self, name: str) -> Repo:
        """The repository, for who may read its files."""
        repo, user = self._repo(name), self._user()
        if repo.gated and not self._own(name) and not (user and user["name"] in repo.readers):
            raise refuse(403 if user else 401, "GatedRepo", "Access to this dataset is restricted")
        return repo

    def _commit_of(self, repo: Repo, revision: str) -> str:
        commit = repo.resolve(unquote(revision))
        if commit is None:
            raise refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit
