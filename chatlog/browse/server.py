"""The page over HTTP: few paths, small requests, the same headers on every answer, and no line of a log."""

from __future__ import annotations

import errno
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socketserver import TCPServer
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

import orjson

from chatlog.browse.access import HEADERS, Door
from chatlog.browse.api import Api, NotFoundError
from chatlog.errors import ChatlogError, ConfigError, without_text

FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("app", "dom", "labels", "list", "reader", "text")
    },
}
"""All files that there are: a path that is not here leads nowhere."""

BODY: Final = 8 << 10
PATH: Final = 8 << 10
FIELDS: Final = 200
"""Bytes of a request's body and path, and parameters in it, at most."""

CONNECTIONS: Final = 64
"""Requests under way at most; further ones are closed at once."""

_JSON: Final = "application/json"


class BrowseServer(ThreadingHTTPServer):
    """Serves one run.

    Raises:
        ConfigError: the address cannot be bound.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, api: Api, host: str = "127.0.0.1", port: int = 0) -> None:
        self.api = api
        self.files = {path: (_file(name), kind) for path, (name, kind) in FILES.items()}
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        try:
            told = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            self.address_family = told[0][0]
            super().__init__((host, port), _Handler)
        except socket.gaierror as error:
            raise ConfigError(f"unknown host {host!r}; give an address of this machine to --host") from error
        except OSError as error:
            why = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise ConfigError(
                f"cannot listen on {host} port {port}: {why}; give another --port, 0 takes a free one"
            ) from error
        self.door = Door(host, self.server_address[1], secrets.token_urlsafe(24))

    def server_bind(self) -> None:
        """Binds without asking name servers who this machine is, as HTTPServer would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hands a request to a thread, or closes it when too many are under way."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One request in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells of a defect by its kind and places alone: its message could quote a conversation."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            sys.stderr.write(f"browse: {without_text(error)}\n")


class _Handler(BaseHTTPRequestHandler):
    """One request. HTTP/1.0: a connection serves one, so that none can be smuggled behind another."""

    timeout = 15
    server_version = "chatlog"
    sys_version = ""

    @property
    def _ours(self) -> BrowseServer:
        return cast(BrowseServer, self.server)

    def do_GET(self) -> None:
        """A file of the page, or an answer of the API."""
        with self._told():
            url = self._url()
            params = _params(url.query)
            if url.path == "/" and "token" in params and self._ours.door.fits(params["token"][0]):
                self._file("/", admit=True)
                return
            if url.path in self._ours.files and url.path != "/":
                self._file(url.path)
                return
            self._known(changes=False)
            if url.path == "/":
                self._file("/")
            elif url.path.startswith("/api/"):
                self._json(HTTPStatus.OK, self._ours.api.get(url.path.removeprefix("/api/"), params))
            else:
                raise NotFoundError("there is nothing here")

    def do_POST(self) -> None:
        """A label."""
        with self._told():
            url = self._url()
            self._known(changes=True)
            if (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower() != _JSON:
                raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {_JSON}")
            length = self.headers.get("Content-Length") or ""
            if not (length.isascii() and length.isdecimal()) or self.headers.get("Transfer-Encoding"):
                raise _Refused(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
            if len(length) > 9 or int(length) > BODY:
                raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {BODY} bytes")
            try:
                body = orjson.loads(self.rfile.read(int(length)))
            except orjson.JSONDecodeError:
                raise ConfigError("expected JSON") from None
            if not url.path.startswith("/api/"):
                raise NotFoundError("there is nothing here")
            self._json(HTTPStatus.OK, self._ours.api.post(url.path.removeprefix("/api/"), body))

    def _url(self) -> Any:
        """The request's path and query, of a request that was meant for this server.

        Raises:
            _Refused: it was not.
        """
        if len(self.path) > PATH:
            raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"expected at most {PATH} bytes")
        why = self._ours.door.misdirected(self.headers)
        if why is not None:
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, why)
        return urlsplit(self.path)

    def _known(self, *, changes: bool) -> None:
        if (why := self._ours.door.foreign(self.headers, changes=changes)) is not None and (
            changes or self.path.startswith("/api/")
        ):
            raise _Refused(HTTPStatus.FORBIDDEN, why)
        if not self._ours.door.knows(self.headers):
            raise _Refused(HTTPStatus.FORBIDDEN, "open the link that chatlog browse printed: it holds the token")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors as answers, each with its status."""
        try:
            yield
        except _Refused as error:
            self._json(error.status, {"error": str(error)})
        except NotFoundError as error:
            self._json(HTTPStatus.NOT_FOUND, {"error": str(error)})
        except ConfigError as error:
            self._json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except ChatlogError as error:
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})

    def _file(self, path: str, *, admit: bool = False) -> None:
        data, kind = self._ours.files[path]
        self._send(HTTPStatus.OK, data, kind, self._ours.door.admitting() if admit else None)

    def _json(self, status: HTTPStatus, value: Any) -> None:
        self._send(status, orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS), _JSON)

    def _send(self, status: HTTPStatus, data: bytes, kind: str, cookie: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(data)

    def end_headers(self) -> None:
        """The headers of every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses, as JSON and without repeating the request."""
        self.close_connection = True
        self._json(HTTPStatus(code), {"error": HTTPStatus(code).phrase})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line would hold what was searched for."""


class _Refused(Exception):
    """A request that is refused with a status of its own."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def _params(query: str) -> dict[str, list[str]]:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except ValueError:
        raise ConfigError(f"expected at most {FIELDS} parameters in UTF-8") from None


def _file(name: str) -> bytes:
    return resources.files("chatlog.browse").joinpath("static", name).read_bytes()
