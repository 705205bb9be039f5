"""The http embedder against a real server on loopback, and behind a proxy that breaks calls."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chatlog.errors import ChatlogError, ConfigError, MissingExtra, RemoteError
from chatlog.models.embedding_config import EmbedConfig
from chatlog.models.embedding_opening import check_embedder, opened_embedder
from chatlog.models.engines.http_answers import read_embeddings
from chatlog.models.engines.http_calls import Again
from tests.models.fault_proxy import FAULTS, FaultProxy, running
from tests.models.loopback import Loopback, loopback, vector
from tests.models.test_logs import FAULTS as ANSWERS
from tests.models.test_logs import MARKER, everything_told

TEXTS = [f"text {'x' * (number % 7)} {number}" for number in range(100)]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


def config(*urls: str, **changed: Any) -> EmbedConfig:
    values: dict[str, Any] = {
        "urls": urls, "model": "m", "concurrency": 8, "timeout_s": 1.0, "deadline_s": 20.0, "retries": 2, "rest_s": 0.2,
    }  # fmt: skip
    made = EmbedConfig(engine="http", **(values | changed))
    check_embedder(made)
    return made


def encoded(texts: Sequence[str], *urls: str, **changed: Any) -> npt.NDArray[np.float32]:
    with opened_embedder(config(*urls, **changed)) as embedder:
        return embedder.encode(texts)


def unit(texts: Sequence[str], length: int = 8, kept: int | None = None) -> npt.NDArray[np.float32]:
    rows = np.stack([vector(text, length)[:kept] for text in texts])
    found: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def test_each_text_has_its_own_unit_vector_and_is_asked_for_once(server: Loopback) -> None:
    given = [*TEXTS, TEXTS[3], "half \ud800 a pair"]
    with opened_embedder(config(server.url, inputs_per_call=16)) as embedder:
        assert (embedder.name, embedder.dim) == ("m", 8) and embedder.encode([]).shape == (0, 8)
        probes = len(server.bodies)
        found = embedder.encode(given)
        counts = embedder.counts  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, unit([*given[:-1], "half ? a pair"]), atol=1e-6)
    bodies = server.bodies[probes:]
    assert probes == 1 and len(bodies) == 7 and all(len(body["input"]) <= 16 for body in bodies)
    assert max(server.calls.values()) == 1 and server.opened <= 8
    assert all(body["model"] == "m" and body["encoding_format"] == "base64" for body in bodies)
    assert all("dimensions" not in body for body in bodies)
    sent = [text for body in bodies for text in body["input"]]
    assert counts == {"prompt_tokens": sum(map(len, sent))}


def test_a_server_that_knows_arrays_alone_is_asked_once_and_gives_the_same(server: Loopback) -> None:
    expected = encoded(TEXTS, server.url)
    server.bodies.clear()
    server.refuses = "encoding_format"
    found = encoded(TEXTS, server.url)
    assert ["encoding_format" in body for body in server.bodies] == [True] + [False] * 5
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("matryoshka", [True, False])
def test_dimensions_are_asked_for_and_kept_where_the_server_gives_more(server: Loopback, matryoshka: bool) -> None:
    server.matryoshka = matryoshka
    found = encoded(TEXTS[:4], server.url, dimensions=5)
    assert {body["dimensions"] for body in server.bodies} == {5}
    np.testing.assert_allclose(found, unit(TEXTS[:4], 5 if matryoshka else 8, 5), atol=1e-6)


def test_vectors_of_a_length_that_cannot_be_kept_are_told_before_any_work(server: Loopback) -> None:
    server.matryoshka = False
    with pytest.raises(ConfigError, match="gives 8 dimensions, the config asks for 9"):
        encoded(TEXTS, server.url, dimensions=9)
    server.length = 2000
    with pytest.raises(ConfigError, match="gives 2000 dimensions, the column holds 1024; set dimensions"):
        encoded(TEXTS, server.url)
    assert not set(TEXTS) & server.calls.keys()


def test_a_text_is_cut_by_characters_and_by_halves_where_the_server_wants_fewer(server: Loopback) -> None:
    longest = "".join(map(chr, range(200, 1400)))
    server.room = 300
    with opened_embedder(config(server.url, max_characters=1000, prompt="query: ")) as embedder:
        found, cut = embedder.encode_and_tell([*TEXTS[:20], longest, longest])  # type: ignore[attr-defined]
    sent = [f"query: {text}" for text in [*TEXTS[:20], longest, longest]]
    np.testing.assert_allclose(found, unit([text[:250] for text in sent]), atol=1e-6)
    assert cut.tolist() == [False] * 20 + [True] * 2
    server.room = 30
    with pytest.raises(RemoteError, match=r"prompt too long.*not even its first characters"):
        encoded([longest], server.url)


def test_behind_a_proxy_that_breaks_calls_nothing_is_lost_and_nothing_differs(server: Loopback) -> None:
    expected = encoded(TEXTS, server.url, inputs_per_call=3)
    limits: dict[str, Any] = {"inputs_per_call": 3, "timeout_s": 0.6, "deadline_s": 30, "retries": 8, "concurrency": 24}
    with running(FaultProxy(server.url, seed=5, rate=0.8)) as proxy:
        found = encoded(TEXTS, proxy.url, **limits)
    np.testing.assert_array_equal(found, expected)
    assert {kind for kinds in proxy.dealt.values() for kind in kinds} == {"", *FAULTS}


@pytest.mark.parametrize("kind", ["limited", "broken", "hang", "reset", "cut", "shape", "drip"])
def test_a_fault_without_end_is_an_error_that_says_that_the_run_can_go_on(server: Loopback, kind: str) -> None:
    begun = time.monotonic()
    with opened_embedder(config(server.url)) as embedder:
        assert embedder.encode(TEXTS[:1]).shape == (1, 8)
    with running(FaultProxy(server.url, seed=3, rate=1, most=None, kinds=(kind,))) as proxy:
        limits: dict[str, Any] = {"deadline_s": 0.6, "give_up_s": 0.4, "timeout_s": 0.15, "retries": 1}
        with pytest.raises(RemoteError, match=r"^embed: .*no vector \(.+\).*What is finished is kept: .*run again$"):
            encoded(TEXTS, proxy.url, **limits)
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize("bad", ["nan", "odd", "refused"])
def test_one_text_without_a_vector_is_an_error_and_never_a_row_without_text(server: Loopback, bad: str) -> None:
    with pytest.raises(RemoteError, match="status 400" if bad == "refused" else "answer of another form"):
        encoded([*TEXTS, f"one {bad} text"], server.url)
    # It was found among the others, which were not to blame.
    assert ["one", bad, "text"] in [body["input"][0].split() for body in server.bodies if len(body["input"]) == 1]


def test_a_wrong_key_is_told_at_once_and_names_the_setting(server: Loopback) -> None:
    server.always = (401, {"error": MARKER}, {})
    with pytest.raises(RemoteError, match=r"\(status 401\): the key in the variable that `api_key_variable` names"):
        encoded(TEXTS, server.url)
    assert len(server.bodies) == 1


def test_the_key_comes_from_the_environment(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "k-own")
    encoded(TEXTS[:1], server.url, api_key_variable="OTHER_KEY")
    assert set(server.keys) == {"Bearer k-own"}
    monkeypatch.setenv("OTHER_KEY", "k bro\nken")
    with pytest.raises(ConfigError, match=r"^embed: the variable OTHER_KEY holds characters") as caught:
        encoded(TEXTS[:1], server.url, api_key_variable="OTHER_KEY")
    assert "bro" not in str(caught.value)


@pytest.mark.parametrize("fault", ANSWERS, ids=range(len(ANSWERS)))
def test_no_text_is_told_whatever_the_server_says(
    fault: Any, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    texts = [f"{MARKER} good", f"{MARKER} odd", "padding " * 800 + MARKER, f"{MARKER}\ud800\x00"]
    told = ""
    with loopback() as server, everything_told() as kept:
        try:
            with opened_embedder(config(server.url, retries=1, give_up_s=0.5, deadline_s=5)) as embedder:
                server.always = fault
                embedder.encode(texts)
        except RemoteError as error:
            told = f"{error!r} {error.__context__!r}"
    assert told and any(MARKER in json.dumps(body) for body in server.bodies)
    assert MARKER not in "".join([told, *kept.told, *capfd.readouterr(), *(str(each.message) for each in recwarn)])


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"urls": ()}, ConfigError, "^embed: engine 'http' needs `urls`"),
        ({"urls": ("http://me:secret@host/v1",)}, ConfigError, "^embed: entry 1 of `urls` has a user or key"),
        ({"model": EmbedConfig().model}, ConfigError, "^embed: engine 'http' needs a `model`"),
        ({"engine": "onnx", "model": "use-multilingual-v3"}, ConfigError, "^embed: engine 'onnx' needs a `model`"),
        ({"engine": "vllm", "model": "all-MiniLM-L6-v2"}, MissingExtra, r"chatlog\[vllm\]"),
    ],
)
def test_settings_are_checked_at_plan_time(changed: dict[str, Any], kind: type[ChatlogError], message: str) -> None:
    values: dict[str, Any] = {"engine": "http", "model": "m", "urls": ("http://a/v1",)}
    if kind is MissingExtra:
        pytest.importorskip("torch")
        if _is_installed("vllm"):
            pytest.skip("vLLM is installed here")
    with pytest.raises(kind, match=message) as caught:
        check_embedder(EmbedConfig(**(values | changed)))
    assert "secret" not in str(caught.value)


def _is_installed(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


def test_where_the_servers_stand_is_no_part_of_the_identity() -> None:
    one = EmbedConfig(engine="http", model="m", urls=("http://a/v1",), inputs_per_call=3, retries=9)
    other = EmbedConfig(engine="http", model="m", urls=("http://b/v1",), gpu_memory=0.5)
    assert one.identity() == other.identity()
    for changed in ({"model": "n"}, {"max_characters": 60}, {"engine": "vllm"}, {"dtype": "float32"}):
        assert one.model_copy(update=changed).identity() != one.identity()


def packed(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([1, 2.5], [1, 2.5]),
        (packed(1, 2.5), [1, 2.5]),
        (packed(1, float("nan")), None),
        (packed(1, float("inf")), None),
        ([1e300, 1], None),  # beyond what float32 holds
        ([0.0, 0.0], None),
        ([], None),
        ("", None),
        ("AAAA", None),  # three bytes
        ("no base64", None),
        (["1", 2], None),
        ([True, 2], None),
        ([None, 1], None),
        ([[1, 2]], None),
        (None, None),
        ({"0": 1}, None),
    ],
)
def test_a_vector_is_read_strictly(told: Any, expected: list[float] | None) -> None:
    (found,) = read_embeddings({"data": [{"index": 0, "embedding": told}]}, 1)
    assert (None if found is None else found.tolist()) == expected
    assert found is None or found.dtype == np.float32


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        [],
        [{"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [2.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [2.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": -1, "embedding": [2.0]}],
        [{"index": False, "embedding": [1.0]}, {"index": True, "embedding": [2.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1.0, "embedding": [2.0]}],
        [{"embedding": [1.0]}, {"embedding": [2.0]}],
        [{"index": 0, "embedding": [1.0]}, "text"],
        [{"index": number, "embedding": [1.0]} for number in range(3)],
    ],
)
def test_an_answer_that_does_not_name_each_text_once_is_none(data: Any) -> None:
    for body in ({"data": data}, data):
        with pytest.raises(Again, match="another form"):
            read_embeddings(body, 2)


def test_vectors_of_two_lengths_are_no_answer(server: Loopback) -> None:
    with opened_embedder(config(server.url, retries=0)) as embedder:
        server.length = 9
        with pytest.raises(RemoteError, match="another form"):
            embedder.encode(TEXTS[:3])
