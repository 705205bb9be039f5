"""Which server takes a call: weights, affinity, rests, probes; and what failures mean."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chatlog.models.engines.http_calls import Again, NotHere, Refused, TooLong, failure, retry_after
from chatlog.models.engines.http_endpoints import TRIP, Endpoints
from chatlog.models.engines.http_generate import affinities
from chatlog.models.guards import Message


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def endpoints(weights: list[float], clock: Clock, **changed: Any) -> Endpoints:
    servers = [(f"http://{number}", "", weight) for number, weight in enumerate(weights)]
    values: dict[str, Any] = {"concurrency": 16, "per_server": None, "longest_rest": 8.0, "give_up_s": 100.0}
    return Endpoints(servers, **(values | changed), clock=clock)


def played(play: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(play(), 20))  # type: ignore[arg-type]


def test_servers_come_first_as_often_as_their_weights_say() -> None:
    made = endpoints([3, 1, 1], Clock())
    first = Counter(made.order(b"%d" % number)[0].url for number in range(5000))
    assert [first[endpoint.url] / 5000 for endpoint in made.all] == pytest.approx([0.6, 0.2, 0.2], abs=0.03)
    # Another server takes only its own share away; the rest stay where they are.
    more = endpoints([3, 1, 1, 5], Clock())
    for number in range(500):
        before, after = made.order(b"%d" % number)[0].url, more.order(b"%d" % number)[0].url
        assert after in (before, "http://3")
    assert made.order(b"x")[0].url == endpoints([3, 1, 1], Clock()).order(b"x")[0].url


def test_a_server_has_a_quarter_more_room_than_its_share_or_what_is_set() -> None:
    assert [each.room for each in endpoints([3, 1], Clock()).all] == [15, 5]
    assert [each.room for each in endpoints([1], Clock()).all] == [16]
    limited = endpoints([1, 1], Clock(), per_server=3)
    assert [each.room for each in limited.all] == [3, 3] and limited.slots == 6


def test_a_full_server_leaves_calls_to_the_next_and_no_more_than_its_room_are_under_way() -> None:
    async def play() -> None:
        made = endpoints([1, 1], Clock(), per_server=2)
        order = made.order(b"x")
        taken = [await made.take(order, set(), 2000) for _ in range(4)]
        assert [one[0] for one in taken if one] == [order[0], order[0], order[1], order[1]]
        waiting = asyncio.ensure_future(made.take(order, set(), 2000))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await made.give_back(order[1], False, None)
        assert await waiting == (order[1], False)

    played(play)


def test_a_server_rests_after_failures_and_one_probe_brings_it_back() -> None:
    async def play() -> None:
        clock = Clock()
        made = endpoints([1], clock)
        (server,) = made.all

        async def call(error: Exception | None) -> bool | None:
            taken = await made.take([server], set(), clock.now)
            if taken is None:
                return None
            await made.give_back(server, taken[1], error)
            return taken[1]

        for _ in range(TRIP - 1):
            assert await call(Again("status 500")) is False
        assert await call(None) is False  # a success: failures are counted in a row
        for _ in range(TRIP):
            assert await call(Again("status 500")) is False
        assert await call(None) is None
        rests = []
        for _ in range(5):
            assert await call(None) is None and not server.closed
            rests.append(server.rests_until - clock.now)
            clock.now = server.rests_until
            assert await call(Again("timeout")) is True
        assert [0.75 * rest <= found <= rest for rest, found in zip([1, 2, 4, 8, 8], rests, strict=True)] == [True] * 5
        clock.now = server.rests_until
        probe = await made.take([server], set(), clock.now)
        assert probe == (server, True)
        assert await made.take([server], set(), clock.now) is None  # one at a time
        await made.give_back(server, True, Refused("status 400"))  # it answers: that is enough
        assert server.closed and await call(None) is False

    played(play)


def test_failures_of_calls_that_began_before_the_rest_do_not_lengthen_it() -> None:
    async def play() -> None:
        clock = Clock()
        made = endpoints([1], clock)
        (server,) = made.all
        for _ in range(12):
            await made.take([server], set(), clock.now)
        for _ in range(12):
            await made.give_back(server, False, Again("timeout"))
        assert server.rest == 1.0 and server.busy == 0

    played(play)


def test_servers_are_given_up_after_a_time_without_success_and_probed_all_the_same() -> None:
    async def play() -> None:
        clock = Clock()
        made = endpoints([1, 1], clock)
        order = made.order(b"x")
        for server in order:
            for _ in range(TRIP):
                await made.take([server], set(), clock.now)
                await made.give_back(server, False, Again("status 500"))
        clock.now += 0.5
        assert not made.given_up()
        clock.now += 100
        assert made.given_up() and await made.ready()  # the rests are over: a probe may go
        taken = await made.take(order, set(), clock.now + 50)
        assert taken is not None and taken[1]
        await made.give_back(*taken, Again("status 500"))
        clock.now = max(server.rests_until for server in order) - 0.01
        other = await made.take(order, set(), clock.now + 50)
        assert other is not None and other[1]
        await made.give_back(*other, Again("status 500"))
        assert not await made.ready() and await made.take(order, set(), clock.now + 50) is None
        assert made.code == "no server"
        clock.now += 100
        taken = await made.take(order, set(), clock.now)
        assert taken is not None
        await made.give_back(*taken, None)
        assert not made.given_up() and await made.ready()

    played(play)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "99999999"}, 3600.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        (
            {"retry-after": "Tue, 01 Jul 2025 10:00:30 GMT", "date": "Tue, 01 Jul 2025 10:00:00 GMT"},
            30.0,
        ),
        ({"retry-after": "Tue, 01 Jul 2025 12:00:30 +0200", "date": "Tue, 01 Jul 2025 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Tue, 01 Jul 2025 09:59:00 GMT", "date": "Tue, 01 Jul 2025 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 01 Jul 2003 09:59:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 01 Jul 2199 09:59:00 GMT"}, 3600.0),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "data", "kind"),
    [
        (429, b"", Again),
        (500, b"", Again),
        (529, b"", Again),
        (505, b"", Again),
        (401, b"", NotHere),
        (307, b"", NotHere),
        (204, b"", NotHere),
        (400, b"", Refused),
        (413, b"", TooLong),
        (400, b"This model's maximum context length is 4096 tokens. However, you requested 5000", TooLong),
        (400, b'{"error": {"code": "context_length_exceeded"}}', TooLong),
        (400, b'{"type": "exceed_context_size_error", "n_ctx": 4096}', TooLong),
        (400, b"The decoder prompt (length 9000) is longer than the maximum model length of 4096.", TooLong),
        (422, b"`inputs` tokens + `max_new_tokens` must be <= 4096", TooLong),
        (400, b"Unsupported parameter: 'max_tokens' is not supported with this model.", Refused),
        (400, b"\xff\xfe", Refused),
    ],
)
def test_a_status_says_whether_to_try_again(status: int, data: bytes, kind: type[Exception]) -> None:
    found = failure(status, data, {})
    assert type(found) is kind and found.code == f"status {status}"


def test_windows_of_one_conversation_have_one_affinity() -> None:
    one = [Message("user" if turn % 2 else "assistant", f"a {turn}") for turn in range(6)]
    two = [Message("user", "b 0"), Message("assistant", "b 1")]
    windows = [one[max(0, last - 2) : last + 1] for last in range(6)] + [two[:1], two]
    found = affinities(windows)
    assert len(set(found[:6])) == 1 and len(set(found[6:])) == 1 and found[0] != found[6]
