"""The http engine behind a proxy that breaks calls in every way it knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from chatlog.models.engines.http import open_http
from chatlog.models.engines.http_settings import HttpSettings
from chatlog.models.guards import Judgment, Message, Thresholds
from chatlog.models.guards_open import open_guard
from tests.models.fault_proxy import FAULTS, FaultProxy, running
from tests.models.loopback import Loopback, loopback

TEXTS = [f"{'bad' if number % 3 == 0 else 'good'} {number}" for number in range(72)]


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


def judged(urls: tuple[str, ...], guard: str | None, texts: list[str], **changed: Any) -> list[Judgment]:
    values: dict[str, Any] = {
        "urls": urls,
        "model": "m",
        "api_key_variable": "CHATLOG_API_KEY",
        "concurrency": 24,
        "timeout_s": 0.6,
        "deadline_s": 30.0,
        "retries": 8,
        "rest_s": 0.2,
        "give_up_s": 20.0,
        "inputs_per_call": 3,
    }
    settings = HttpSettings(**(values | changed))
    opened = open_guard(guard) if guard else None
    with open_http(settings, opened, Thresholds(0.5), max_characters=1000) as engine:
        return engine.judge([[Message("user", text)] for text in texts])


@pytest.mark.parametrize("guard", ["policy", None], ids=["chat", "moderations"])
def test_nothing_is_lost_or_doubled_and_all_is_as_without_faults(server: Loopback, guard: str | None) -> None:
    expected = judged((server.url,), guard, TEXTS)
    assert [judgment.flagged for judgment in expected] == [text.startswith("bad") for text in TEXTS]
    with running(FaultProxy(server.url, seed=5, rate=0.8)) as proxy:
        found = judged((proxy.url,), guard, TEXTS)
    assert found == expected
    assert {kind for kinds in proxy.dealt.values() for kind in kinds} == {"", *FAULTS}
    # A call is repeated after a fault alone, and never after an answer.
    whole = ("", "slow", "twice")
    for name, kinds in proxy.dealt.items():
        assert kinds[-1] in whole and not any(kind in whole for kind in kinds[:-1])
        assert proxy.forwarded[name] == sum(kind in (*whole, "late", "cut", "drip") for kind in kinds)
    assert len(proxy.dealt) == (len(TEXTS) if guard else len(TEXTS) / 3)


def test_servers_behind_different_faults_share_the_work(server: Loopback) -> None:
    expected = judged((server.url,), "policy", TEXTS)
    with (
        running(FaultProxy(server.url, seed=1, rate=0.4, most=1)) as one,
        running(FaultProxy(server.url, seed=2, rate=1, most=None, kinds=("broken", "reset"))) as dead,
    ):
        found = judged((one.url, dead.url), "policy", TEXTS, timeout_s=0.3)
    assert found == expected
    # What is dead is rested: it does not take its half of the calls over and over.
    assert not dead.forwarded and 0 < sum(map(len, dead.dealt.values())) < len(TEXTS) / 2


@pytest.mark.parametrize("kind", ["limited", "broken", "hang", "garbage", "drip"])
def test_faults_without_end_are_errors_and_the_run_ends(server: Loopback, kind: str) -> None:
    guard = "policy" if kind != "broken" else None
    begun = time.monotonic()
    with running(FaultProxy(server.url, seed=3, rate=1, most=None, kinds=(kind,))) as proxy:
        found = judged(
            (proxy.url,), guard, TEXTS, retries=2, deadline_s=0.6, give_up_s=0.4, timeout_s=0.15, inputs_per_call=20
        )
    assert [judgment.status for judgment in found] == ["error"] * len(TEXTS)
    assert {judgment.flagged for judgment in found} == {None}
    assert time.monotonic() - begun < 8
    assert {kind for kinds in proxy.dealt.values() for kind in kinds} == {kind}


def test_a_server_that_comes_back_is_used_again(server: Loopback) -> None:
    kinds = ("broken",)
    with running(FaultProxy(server.url, seed=4, rate=1, most=2, kinds=kinds)) as proxy:
        found = judged((proxy.url,), "policy", TEXTS[:8], retries=3, rest_s=0.1)
    assert [judgment.status for judgment in found] == ["ok"] * 8
