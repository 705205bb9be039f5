"""The `http` engine: any OpenAI-compatible server, or OpenAI's own moderation endpoint."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from chatlog.errors import ConfigError
from chatlog.models.engines.shown import shown
from chatlog.models.guards import (
    Answer,
    Guard,
    Judgment,
    Message,
    Question,
    Thresholds,
    UnreadableAnswer,
    Verdict,
    failed,
)
from chatlog.schema import CATEGORIES

if TYPE_CHECKING:
    import httpx

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
_LOGPROBS: Final = 20
"""Alternatives asked for at each token: the most that OpenAI's API gives."""

_RETRIED: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class HttpSettings:
    """How servers are called; as the settings of the same names in ModerateConfig."""

    urls: tuple[str, ...]
    model: str
    api_key_variable: str
    concurrency: int
    timeout_s: float
    deadline_s: float
    retries: int


class _Retry(Exception):
    """A call failed in a way that another attempt may mend."""

    def __init__(self, code: str, after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.after = after


class _Final(Exception):
    """A call failed for good."""


def check_http(urls: Sequence[str]) -> None:
    """Nothing, when there is a server to call.

    Raises:
        ConfigError: no URL, or one that is not http(s).
    """
    if not urls:
        raise ConfigError("moderate: engine 'http' needs `urls`, such as ['http://localhost:8000/v1']")
    for url in urls:
        if not url.startswith(("http://", "https://")) or "@" in url.split("/")[2]:
            raise ConfigError(f"moderate: {url.split('@')[-1]!r} should be an http(s) URL without a user or key in it")


class HttpEngine:
    """Judges messages through a server, many calls at once; every message comes back, judged or as an error."""

    def __init__(
        self,
        settings: HttpSettings,
        guard: Guard | None,
        thresholds: Thresholds,
        max_characters: int,
        client: httpx.Client,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._thresholds = thresholds
        self._limit = max_characters
        self._client = client
        self._pool = pool

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        """One judgment a conversation, in order."""
        return list(self._pool.map(self._judge, range(len(conversations)), conversations))

    def _judge(self, number: int, conversation: Sequence[Message]) -> Judgment:
        messages, native = shown(conversation, self._limit)
        try:
            return self._thresholds.decide(self._attempts(number, messages, native))
        except (_Retry, _Final) as error:
            return failed(str(error))

    def _attempts(self, number: int, messages: Sequence[Message], native: Mapping[str, object]) -> Verdict:
        ends = time.monotonic() + self._settings.deadline_s
        attempt = 0
        while True:
            # A message begins at its own server and goes on to the next one after a failure.
            url = self._settings.urls[(number + attempt) % len(self._settings.urls)].rstrip("/")
            try:
                return self._once(url, messages, native, ends)
            except _Retry as error:
                attempt += 1
                # Jitter keeps many waiting calls from coming back at one moment.
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
                wait = wait if error.after is None else max(error.after, 0.0)
                if attempt > self._settings.retries or time.monotonic() + wait >= ends:
                    raise
                time.sleep(wait)

    def _once(self, url: str, messages: Sequence[Message], native: Mapping[str, object], ends: float) -> Verdict:
        if self._guard is None:
            body = self._call(f"{url}/moderations", self._moderations_body(messages[-1]), ends)
            return _read_moderation(body, native)
        try:
            answers = [self._answer(url, question, ends) for question in self._guard.ask(messages)]
            answers += [self._answer(url, question, ends) for question in self._guard.more(messages, answers)]
            verdict = self._guard.read(messages, answers)
        except UnreadableAnswer:
            raise _Final("unreadable answer") from None
        return replace(verdict, native={**verdict.native, **native})

    def _answer(self, url: str, question: Question, ends: float) -> Answer:
        base: dict[str, Any] = {
            "model": self._settings.model,
            "max_tokens": question.max_tokens,
            "temperature": 0,
        }
        if question.choices:
            base["structured_outputs"] = {"choice": list(question.choices)}
        if isinstance(question.prompt, str):
            request = base | {"prompt": question.prompt, "logprobs": _LOGPROBS, "add_special_tokens": False}
            return _read_completion(self._call(f"{url}/completions", request, ends))
        request = base | {"messages": question.prompt, "logprobs": True, "top_logprobs": _LOGPROBS}
        return _read_chat(self._call(f"{url}/chat/completions", request, ends))

    def _moderations_body(self, message: Message) -> dict[str, Any]:
        body: dict[str, Any] = {"input": message.content}
        return body | {"model": self._settings.model} if self._settings.model else body

    def _call(self, url: str, body: Mapping[str, Any], ends: float) -> Any:
        import httpx

        left = max(0.05, ends - time.monotonic())
        try:
            response = self._client.post(url, json=body, timeout=min(self._settings.timeout_s, left))
        except httpx.TimeoutException:
            raise _Retry("timeout") from None
        except httpx.HTTPError as error:
            raise _Retry(f"connection: {type(error).__name__}") from None
        if response.status_code in _RETRIED:
            raise _Retry(f"status {response.status_code}", _retry_after(response.headers.get("retry-after")))
        if response.status_code != 200:
            raise _Final(f"status {response.status_code}")
        try:
            return response.json()
        except ValueError:
            raise _Retry("answer is not JSON") from None


@contextmanager
def open_http(
    settings: HttpSettings, guard: Guard | None, thresholds: Thresholds, *, max_characters: int
) -> Iterator[HttpEngine]:
    """The engine, with connections that are kept alive until the block ends.

    Args:
        settings: servers and limits.
        guard: how the model is asked; None for OpenAI's moderation endpoint.
        thresholds: from which scores flag.
        max_characters: of a message, and of its context, that are sent.
    """
    import httpx

    key = os.environ.get(settings.api_key_variable)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency)
    with (
        httpx.Client(headers=headers, limits=limits, trust_env=False) as client,
        ThreadPoolExecutor(settings.concurrency) as pool,
    ):
        yield HttpEngine(settings, guard, thresholds, max_characters, client, pool)


def _retry_after(value: str | None) -> float | None:
    try:
        return min(float(value), 3600.0) if value else None
    except ValueError:
        return None


def _read_completion(body: Any) -> Answer:
    try:
        choice = body["choices"][0]
        found = (choice.get("logprobs") or {}).get("top_logprobs") or ()
        return Answer(str(choice["text"]), [dict(tokens) for tokens in found if tokens])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _Retry("answer of another form") from None


def _read_chat(body: Any) -> Answer:
    try:
        choice = body["choices"][0]
        found = (choice.get("logprobs") or {}).get("content") or ()
        tokens = [{item["token"]: float(item["logprob"]) for item in place["top_logprobs"]} for place in found]
        return Answer(str(choice["message"]["content"]), tokens)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _Retry("answer of another form") from None


def _read_moderation(body: Any, native: Mapping[str, object]) -> Verdict:
    try:
        result = body["results"][0]
        told = result["category_scores"]
        scores = {name: float(told[name]) for name in CATEGORIES if name in told}
        if not isinstance(result["flagged"], bool):
            raise TypeError("flagged")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise _Retry("answer of another form") from None
    if not all(0 <= score <= 1 for score in scores.values()):
        raise _Final("score out of range")
    # The endpoint's own verdict stands beside its scores: ours follows from the thresholds.
    return Verdict(max(scores.values(), default=0.0), scores, {"flagged": result["flagged"], **native})
