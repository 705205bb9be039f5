"""The http engine against a real server on loopback."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chatlog.errors import ConfigError
from chatlog.models.engines.http import open_http
from chatlog.models.engines.http_settings import HttpSettings, check_http
from chatlog.models.engines.running import HttpServers
from chatlog.models.guards import Guard, Judgment, Message, Thresholds
from chatlog.models.guards_open import open_guard
from tests.models.loopback import Loopback, loopback

POLICY = open_guard("policy")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


def settings(*servers: Loopback, **changed: Any) -> HttpSettings:
    values: dict[str, Any] = {
        "urls": tuple(server.url for server in servers),
        "model": "m",
        "api_key_variable": "CHATLOG_API_KEY",
        "concurrency": 8,
        "timeout_s": 1.0,
        "deadline_s": 20.0,
        "retries": 2,
        "rest_s": 0.2,
    }
    return HttpSettings(**(values | changed))


def judged(
    texts: list[str], guard: Guard | None, *servers: Loopback, thresholds: Thresholds | None = None, **changed: Any
) -> list[Judgment]:
    limit = changed.pop("max_characters", 1000)
    opened = open_http(settings(*servers, **changed), guard, thresholds or Thresholds(0.5), max_characters=limit)
    with opened as engine:
        return engine.judge([ask(text) for text in texts])


def ask(text: str) -> list[Message]:
    return [Message("user", text)]


def native(judgment: Judgment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(judgment.native or "")
    return found


def test_each_message_has_its_own_judgment_and_one_call_on_kept_connections(server: Loopback) -> None:
    texts = [f"{'bad' if number % 3 else 'good'} {number}" for number in range(100)]
    found = judged(texts, POLICY, server)
    assert [judgment.flagged for judgment in found] == [text.startswith("bad") for text in texts]
    assert set(server.calls.values()) == {1} and len(server.calls) == 100
    assert server.opened <= 8
    assert found[1].category_scores["hate"] == pytest.approx(0.9088, abs=1e-3)


def test_what_is_refused_or_unreadable_is_an_error_at_once(server: Loopback) -> None:
    refused, odd, good = judged(["refused", "odd", "good"], POLICY, server, concurrency=1)
    assert (refused.status, native(refused)) == ("error", {"error": "status 400"})
    assert (odd.status, native(odd)) == ("error", {"error": "unreadable answer"})
    assert (good.status, good.flagged) == ("ok", False)
    # A refusal is asked once more, without what only vLLM knows.
    assert server.calls == {"refused": 2, "odd": 1, "good": 1}


def test_an_answer_without_content_is_tried_again_and_then_an_error(server: Loopback) -> None:
    (found,) = judged(["null"], POLICY, server)
    assert native(found) == {"error": "answer of another form"} and found.flagged is None
    assert server.calls["null"] == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ((302, {}, {"location": "/v1/elsewhere"}), "status 302"),
        ((401, {}, {}), "status 401"),
        ((404, {}, {}), "status 404"),
        ((418, {}, {}), "status 418"),
        ((503, {}, {}), "status 503"),
        ((200, b"\x1f\x8b\x08", {"content-encoding": "gzip"}), "answer is compressed"),
        ((200, b" " * ((8 << 20) + 1), {}), "answer too large"),
        ((200, b"[" * 100_000, {}), "answer is not JSON"),
        ((200, b'{"choices": NaN}', {}), "answer is not JSON"),
        ((200, [], {}), "answer of another form"),
    ],
)
def test_an_answer_that_is_none_is_told_by_a_code(server: Loopback, fault: Any, code: str) -> None:
    server.always = fault
    (found,) = judged(["good"], POLICY, server, retries=1)
    assert (found.status, found.flagged, native(found)) == ("error", None, {"error": code})
    # 418 is asked again without extensions; what a server answers to everybody is not.
    assert server.calls["good"] == (1 if code[-3:] in ("302", "401", "404") else 2)


def test_a_server_that_refuses_all_calls_does_not_hold_up_the_run(server: Loopback) -> None:
    server.always = (401, {}, {})
    found = judged([f"good {number}" for number in range(200)], POLICY, server, rest_s=60)
    assert {judgment.native for judgment in found} == {'{"error":"status 401"}'}
    assert server.calls.total() <= 8


def test_extensions_are_left_out_for_a_server_that_refuses_them(server: Loopback) -> None:
    server.refuses = "structured_outputs"
    found = judged([f"bad {number}" for number in range(30)], POLICY, server, concurrency=1)
    assert {judgment.flagged for judgment in found} == {True}
    assert [("structured_outputs" in body) for body in server.bodies] == [True] + [False] * 30


def test_extensions_are_kept_where_the_server_knows_them(server: Loopback) -> None:
    judged(["good", "refused", "good 2"], POLICY, server, concurrency=1)
    assert [("structured_outputs" in body) for body in server.bodies] == [True] * 3
    assert server.calls["refused"] == 1


def test_a_message_that_is_too_long_for_the_server_is_cut_and_that_is_told(server: Loopback) -> None:
    longest = "good " * 160 + "bad"
    (whole,) = judged([longest], POLICY, server)
    assert whole.flagged and "cut_characters" not in native(whole)
    server.room = len("".join(message["content"] for message in server.bodies[0]["messages"])) - 500
    server.calls.clear()
    (found,) = judged([longest], POLICY, server, retries=0)
    assert (found.status, found.flagged, native(found)["cut_characters"]) == ("ok", False, 803 - 803 // 2 // 2)
    assert list(server.calls) == [longest, longest[:401], longest[:200]]
    server.room = 10
    (never,) = judged([longest], POLICY, server)
    assert native(never) == {"error": "prompt too long"}


def test_the_moderation_endpoint_gives_its_scores(server: Loopback) -> None:
    good, bad = judged(["good", "bad"], None, server, thresholds=Thresholds(0.5, {"violence": 0.01}))
    assert (bad.flagged, bad.category_scores["hate"]) == (True, 0.9)
    assert good.categories == {"hate": False, "violence": True} and good.flagged
    assert len(server.bodies) == 1


def test_one_bad_input_of_a_call_costs_only_itself(server: Loopback) -> None:
    texts = [f"{'bad' if number % 2 else 'good'} {number}" for number in range(64)]
    texts[5], texts[40], texts[50], texts[60] = "refused", "odd", "nan", "bad " + "x" * 700
    server.room = 500
    found = judged(texts, None, server, inputs_per_call=16)
    assert {place: native(found[place])["error"] for place in (5, 40, 50)} == {
        5: "status 400",
        40: "answer of another form",
        50: "answer is not JSON",
    }
    assert native(found[60])["cut_characters"] == 704 - 352 and found[60].flagged
    for place, (text, judgment) in enumerate(zip(texts, found, strict=True)):
        if place not in (5, 40, 50):
            assert (judgment.status, judgment.flagged) == ("ok", text.startswith("bad")), place


def test_a_result_too_few_is_no_answer(server: Loopback) -> None:
    one = {"flagged": True, "category_scores": {"hate": 0.9}}
    server.faults = [(200, {"results": [one]}, {})]
    good, better = judged(["good", "good 2"], None, server)
    assert (good.flagged, better.flagged) == (False, False) and len(server.bodies) == 2


def test_the_key_comes_from_the_environment_and_what_is_cut_is_told(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATLOG_API_KEY", "k-123")
    (found,) = judged(["x" * 25], None, server, max_characters=10)
    assert server.keys == ["Bearer k-123"]
    assert server.bodies[0]["input"] == "x" * 10
    assert native(found)["cut_characters"] == 15


def test_each_server_has_its_own_key_and_none_stands_in_a_log_or_a_repr(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CHATLOG_API_KEY", "k-shared")
    monkeypatch.setenv("OTHER_KEY", "k-own")
    with loopback() as other:
        chosen = settings(server, other, api_key_variables=("", "OTHER_KEY"))
        with open_http(chosen, POLICY, Thresholds(0.5), max_characters=1000) as engine:
            engine.judge([ask(f"w7919 {number}") for number in range(20)])
            told = repr(engine._caller.endpoints.all) + repr(vars(engine._caller))
        assert set(server.keys) == {"Bearer k-shared"} and set(other.keys) == {"Bearer k-own"}
    assert "127.0.0.1" in told
    for secret in ("k-shared", "k-own", "w7919"):
        assert secret not in caplog.text + told
    monkeypatch.delenv("OTHER_KEY")
    with (
        pytest.raises(ConfigError, match="OTHER_KEY, which is not set"),
        open_http(chosen, POLICY, Thresholds(0.5), max_characters=1000),
    ):
        pass
    monkeypatch.setenv("CHATLOG_API_KEY", "k-bro\nken")
    with pytest.raises(ConfigError) as caught:
        judged(["good"], POLICY, server)
    assert "bro" not in str(caught.value)


def test_a_second_server_takes_over_for_one_that_is_down(server: Loopback) -> None:
    urls = ("http://127.0.0.1:9", server.url)
    found = judged([f"good {n}" for n in range(30)], POLICY, urls=urls)
    assert [judgment.status for judgment in found] == ["ok"] * 30


def test_a_server_that_refuses_everybody_leaves_its_calls_to_another(server: Loopback) -> None:
    server.always = (401, {}, {})
    with loopback() as other:
        found = judged([f"good {n}" for n in range(60)], POLICY, server, other)
        assert [judgment.status for judgment in found] == ["ok"] * 60
        assert other.calls.total() == 60 and server.calls.total() <= 8


def test_a_server_that_asks_for_a_rest_is_left_alone(server: Loopback) -> None:
    server.faults = [(429, {}, {"retry-after": "600"})]
    with loopback() as other:
        found = judged([f"good {n}" for n in range(40)], POLICY, server, other, concurrency=1)
        assert [judgment.status for judgment in found] == ["ok"] * 40
        assert (server.calls.total(), other.calls.total()) == (1, 40)


def test_the_messages_of_a_conversation_go_to_one_server_and_weights_share_them_out(server: Loopback) -> None:
    with loopback() as other:
        chosen = settings(server, other, weights=(3.0, 1.0), concurrency=4, server_concurrency=4)
        windows = [
            [Message("user", f"{talk} {turn}") for turn in range(max(0, last - 2), last + 1)]
            for talk in range(60)
            for last in range(6)
        ]
        with open_http(chosen, POLICY, Thresholds(0.5), max_characters=1000) as engine:
            engine.judge(windows)
        talks = [Counter(text.split()[0] for text in each.calls) for each in (server, other)]
    assert not talks[0].keys() & talks[1].keys()
    assert set((talks[0] + talks[1]).values()) == {6} and len(talks[0]) + len(talks[1]) == 60
    assert 32 <= len(talks[0]) <= 55  # 45 are expected, and four standard deviations are 13


@pytest.mark.parametrize(
    ("urls", "more", "message"),
    [
        ((), {}, "needs `urls`"),
        (("ftp://x",), {}, "is not http"),
        (("http://",), {}, "is not http"),
        (("http://host:port/v1",), {}, "is no URL"),
        (("http://me:secret@host/v1",), {}, "has a user or key"),
        (("http://host/v1?key=secret",), {}, "has a query"),
        (("http://host/v1", "http://host/v1/"), {}, "names a server twice"),
        (("http://a", "http://b"), {"weights": (1.0,)}, "1 entries for 2"),
        (("http://a",), {"api_key_variables": ("A", "B")}, "2 entries for 1"),
    ],
)
def test_urls_are_checked_and_a_secret_in_one_is_not_repeated(
    urls: tuple[str, ...], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^moderate: .*{message}") as caught:
        check_http(HttpServers(urls=urls, **more), "moderate")
    assert "secret" not in str(caught.value)
