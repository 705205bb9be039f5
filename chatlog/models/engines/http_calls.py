"""One call to a server: what is sent, what may come back, and what a failure means."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    import httpx

LARGEST: Final = 8 << 20
"""Bytes of an answer that are read; one to 2,048 moderation inputs has about two megabytes."""

_LONGEST_REST: Final = 3600.0
"""Seconds of a `Retry-After` that are believed."""

_BUSY: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""A later attempt may succeed. 520 to 529 come from gateways in front of servers."""

_NOT_HERE: Final = frozenset({401, 402, 403, 404, 405, 421, 501})
"""This server answers nobody's call of this kind: a wrong key, path or model. Another one may."""

_TOO_LONG: Final = re.compile(
    r"context[ _-]?(?:length|size|window)|max(?:imum)?[ _-]?(?:model|sequence|input)[ _-]?(?:len|tokens)|exceed_context"
    r"|longer than|too long|too large|too many tokens|reduce (?:the|your) (?:length|prompt|input)"
    r"|tokens \+ .{1,40} must be",
    re.IGNORECASE,
)
"""How servers call a prompt that does not fit: OpenAI, vLLM, SGLang, llama.cpp, TGI."""


class CallFailed(Exception):
    """A call gave no answer; `code` is short and holds no text of a message, a key or an answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Again(CallFailed):
    """The server failed: the call may be repeated, here or at another one.

    Attributes:
        after: seconds that the server asked to be left alone.
        alive: whether it answers at all: a limit on the rate is no breakdown.
        by_input: whether what was sent could have made it fail.
    """

    def __init__(self, code: str, *, after: float | None = None, alive: bool = False, by_input: bool = False) -> None:
        super().__init__(code)
        self.after = after
        self.alive = alive
        self.by_input = by_input


class NotHere(CallFailed):
    """This server refuses every call of this kind; another one may take it."""


class Refused(CallFailed):
    """The call itself is refused: repeating it is of no use."""


class TooLong(Refused):
    """It is refused because the prompt does not fit the model."""


async def post(
    client: httpx.AsyncClient, url: str, key: str, body: Mapping[str, Any], seconds: float, largest: int = LARGEST
) -> Any:
    """The JSON that a server answers within `seconds`, from the first byte sent to the last one read.

    Of an answer `largest` bytes are read.

    Raises:
        CallFailed: of the kinds above.
    """
    import httpx

    # Compressed answers are refused: a few kilobytes may unpack to gigabytes.
    headers = {"accept-encoding": "identity", "content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    try:
        # A limit on the whole call: those of httpx begin anew with each byte that drips in.
        async with (
            asyncio.timeout(seconds),
            client.stream("POST", url, content=_encoded(body), headers=headers) as response,
        ):
            data = await _read(response, largest)
            status, told = response.status_code, response.headers
    except (TimeoutError, httpx.TimeoutException):
        raise Again("timeout") from None
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise Again(f"connection: {type(error).__name__}") from None
    if status != 200:
        raise failure(status, data, told)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Again("answer is not JSON", by_input=True) from None  # NaN for a score is none


def failure(status: int, data: bytes, headers: Mapping[str, str]) -> CallFailed:
    """What an answer other than 200 means."""
    code = f"status {status}"
    if status in _BUSY:
        return Again(code, after=retry_after(headers), alive=status == 429, by_input=status == 500)
    if status in _NOT_HERE or status < 400:
        return NotHere(code)  # redirects are not followed: the key would go where nobody sent it
    if status >= 500:
        return Again(code, after=retry_after(headers))
    # Only looked at, never kept: servers quote the prompt here.
    if status == 413 or _TOO_LONG.search(data[:65536].decode("utf-8", "replace")):
        return TooLong(code)
    return Refused(code)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks for, a number or a date (RFC 9110, section 10.2.3); None without it."""
    value = (headers.get("retry-after") or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return min(float(value), _LONGEST_REST)
    moment = _date(value)
    if moment is None:
        return None
    # By the server's own clock where it tells it, which may not be ours.
    now = _date(headers.get("date") or "") or datetime.fromtimestamp(time.time(), UTC)
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_REST)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise Refused("text is not Unicode") from None


async def _read(response: httpx.Response, largest: int) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Again("answer is compressed")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > largest:
            raise Again("answer too large")
        parts.append(part)
    return b"".join(parts)
