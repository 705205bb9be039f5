"""Who may ask: the link's token, the host that was asked for, and which page it was asked from."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final, Protocol

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the page may load and run: its own files. Text can become markup nowhere, whatever a script does with it."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Sent with every answer."""

_ANY: Final = ("", "0.0.0.0", "::")


class Headers(Protocol):
    """A request's headers, by name in any case."""

    def get(self, name: str, /) -> str | None:
        """The first header of a name."""


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Door:
    """Decides about requests.

    Attributes:
        host: what the server is bound to.
        port: its port.
        token: what the link holds.
    """

    host: str
    port: int
    token: str = field(repr=False)

    @property
    def link(self) -> str:
        """The page's address with the token, for the one who started the server."""
        name = socket.gethostname() if self.host in _ANY else self.host
        return f"http://{_bracketed(name)}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The cookie that stands for the link from then on. Its name has the port: cookies of a host know none."""
        return f"chatlog-browse-{self.port}"

    def misdirected(self, headers: Headers) -> str | None:
        """Why the request was not meant for this server, or None.

        A page of another name that was made to resolve to this address (DNS rebinding) has its own name in `Host`.
        """
        host = headers.get("Host") or ""
        name, port = _split(host)
        if port != self.port:
            return (
                f"the host asked for is not this server's; open the link that chatlog browse printed (port {self.port})"
            )
        known = {"localhost", "127.0.0.1", "::1", self.host}
        if self.host in _ANY:
            known |= {socket.gethostname().lower(), socket.getfqdn().lower()}
            if _is_address(name):
                return None
        if name not in known:
            return "the host asked for is not this server's; open the link that chatlog browse printed"
        return None

    def foreign(self, headers: Headers, *, changes: bool) -> str | None:
        """Why the request comes from another site's page, or None; one that changes something must name its origin."""
        if headers.get("Sec-Fetch-Site") not in (None, "none", "same-origin"):
            return "asked for by another site"
        origin = headers.get("Origin")
        if (changes or origin is not None) and origin != f"http://{headers.get('Host')}":
            return "asked for by a page of another origin"
        return None

    def knows(self, headers: Headers) -> bool:
        """Whether the request has the cookie."""
        try:
            jar = SimpleCookie(headers.get("Cookie") or "")
        except CookieError:
            return False
        found = jar.get(self.cookie)
        return found is not None and self.fits(found.value)

    def fits(self, token: str) -> bool:
        """Whether this is the token, told in the same time for any other."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def admitting(self) -> str:
        """The cookie's header, for one who came by the link."""
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"


def _split(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name:
        name, port = host, ""
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else 80
    return name.lower().removeprefix("[").removesuffix("]"), number


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
