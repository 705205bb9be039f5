"""The http engine against a real server on loopback that fails in every way it can."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chatlog.errors import ConfigError
from chatlog.models.engines.http import HttpSettings, check_http, open_http
from chatlog.models.guards import Message, Thresholds
from chatlog.models.guards_open import open_guard


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body.get("input") or body["messages"][1]["content"]
        fault = next((word for word in ("flaky", "hang", "cut", "garbage", "down", "refused") if word in text), "")
        key = text
        self.server.calls[key] += 1
        self.server.bodies.append(body)
        self.server.headers.append(self.headers.get("authorization"))
        first = self.server.calls[key] == 1
        if fault == "flaky" and first:
            return self.answer(429, {}, {"retry-after": "0"})
        if fault == "down":
            return self.answer(503, {})
        if fault == "refused":
            return self.answer(400, {})
        if fault == "hang" and first:
            time.sleep(1.5)
            return None
        if fault == "cut" and first:
            self.connection.close()
            return None
        if fault == "garbage" and first:
            return self.answer(200, b"<html>")
        if self.path.endswith("/moderations"):
            score = 0.9 if "bad" in text else 0.1
            scores = {"hate": score, "violence": 0.05}
            result = {"flagged": score > 0.5, "categories": {}, "category_scores": scores}
            return self.answer(200, {"results": [result]})
        said = "hate" if "bad" in text else "free text" if "odd" in text else "none"
        top = [
            {"token": "hate", "logprob": -0.1 if said == "hate" else -3.0},
            {"token": "none", "logprob": -2.4 if said == "hate" else -0.05},
        ]
        choice = {"message": {"content": said}, "logprobs": {"content": [{"top_logprobs": top}]}}
        return self.answer(200, {"choices": [choice]})

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def settings(server: Server, **changed: Any) -> HttpSettings:
    values: dict[str, Any] = {
        "urls": (server.url,),
        "model": "m",
        "api_key_variable": "CHATLOG_API_KEY",
        "concurrency": 8,
        "timeout_s": 1.0,
        "deadline_s": 20.0,
        "retries": 2,
    }
    return HttpSettings(**(values | changed))


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


def test_every_message_is_answered_once_whatever_the_server_does(server: Server) -> None:
    texts = ["good", "bad", "flaky bad", "hang bad", "cut bad", "garbage bad", "down", "refused", "odd"] + [
        f"good {n}" for n in range(40)
    ]
    with open_http(settings(server), open_guard("policy"), Thresholds(0.5), max_characters=1000) as engine:
        found = engine.judge([ask(text) for text in texts])
    told = {text: (judgment.status, judgment.flagged) for text, judgment in zip(texts, found, strict=True)}
    assert told["good"] == ("ok", False) and told["bad"] == ("ok", True)
    for fault in ("flaky", "hang", "cut", "garbage"):
        assert told[f"{fault} bad"] == ("ok", True), fault
    for fault in ("down", "refused", "odd"):
        assert told[fault] == ("error", None), fault
    assert all(told[f"good {n}"] == ("ok", False) for n in range(40))
    calls = {text: count for text in texts for key, count in server.calls.items() if f"\n{text}\n" in key}
    assert calls["good 7"] == 1 and calls["flaky bad"] == 2 and calls["down"] == 3 and calls["refused"] == 1
    bad = found[texts.index("bad")]
    assert bad.category_scores["hate"] == pytest.approx(0.9088, abs=1e-3)
    assert json.loads(found[texts.index("down")].native or "") == {"error": "status 503"}


def test_the_moderation_endpoint_gives_its_scores(server: Server) -> None:
    with open_http(settings(server), None, Thresholds(0.5, {"violence": 0.01}), max_characters=1000) as engine:
        good, bad = engine.judge([ask("good"), ask("bad")])
    assert (bad.flagged, bad.category_scores["hate"]) == (True, 0.9)
    assert good.categories == {"hate": False, "violence": True} and good.flagged


def test_the_key_comes_from_the_environment_and_what_is_cut_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATLOG_API_KEY", "k-123")
    with open_http(settings(server), None, Thresholds(0.5), max_characters=10) as engine:
        (found,) = engine.judge([ask("x" * 25)])
    assert server.headers == ["Bearer k-123"]
    assert server.bodies[0]["input"] == "x" * 10
    assert json.loads(found.native or "")["cut_characters"] == 15


def test_a_second_server_takes_over_for_one_that_is_down(server: Server) -> None:
    urls = ("http://127.0.0.1:9", server.url)
    with open_http(settings(server, urls=urls), None, Thresholds(0.5), max_characters=100) as engine:
        found = engine.judge([ask(f"good {n}") for n in range(6)])
    assert [judgment.status for judgment in found] == ["ok"] * 6


@pytest.mark.parametrize("urls", [(), ("ftp://x",), ("http://me:secret@host/v1",)])
def test_urls_are_checked_and_a_secret_in_one_is_not_repeated(urls: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        check_http(urls)
    assert "secret" not in str(caught.value)
