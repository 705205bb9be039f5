"""The stage `moderate`: which messages are judged, with what context, and what the columns say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from chatlog.errors import ConfigError, MissingExtra
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.opening import check
from chatlog.models.guards import Judgment, Message, Thresholds, Verdict, failed
from chatlog.schema import CATEGORIES, MESSAGES
from chatlog.stages.moderate import MODERATE, moderate


class Recorder:
    """An engine that keeps what it was asked; "bad" is hate, "broken" is a call that fails."""

    def __init__(self) -> None:
        self.asked: list[tuple[Message, ...]] = []

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        self.asked += [tuple(conversation) for conversation in conversations]
        return [self.one(conversation[-1].content) for conversation in conversations]

    @staticmethod
    def one(text: str) -> Judgment:
        if "broken" in text:
            return failed("timeout")
        score = 0.9 if "bad" in text else 0.1
        return Thresholds(0.5).decide(Verdict(score, {"hate": score}, {"verdict": "x"}))


def table(rows: Iterable[Any]) -> pa.Table:
    told = [row and [{"role": role, "content": content} for role, content in row] for row in rows]
    return pa.table({"messages": pa.array(told, MESSAGES)})


def test_what_was_not_judged_is_never_called_clean() -> None:
    rows = [
        [("user", "good"), ("assistant", "good too")],
        [("user", "good"), ("assistant", "bad")],
        [("user", "broken"), ("assistant", "good")],
        [("user", "broken"), ("assistant", "bad")],
        [("user", None), ("assistant", "  ")],
        [],
        None,
    ]
    made = moderate(table(rows), Recorder(), 0)
    assert made.column("flagged").to_pylist() == [False, True, None, True, None, None, None]
    assert made.column("moderation_status").to_pylist() == [
        "ok",
        "ok",
        "error",
        "error",
        "skipped",
        "skipped",
        "skipped",
    ]
    judged = made.column("moderation").to_pylist()
    assert [None if row is None else [item["status"] for item in row] for row in judged] == [
        ["ok", "ok"],
        ["ok", "ok"],
        ["error", "ok"],
        ["error", "ok"],
        ["skipped", "skipped"],
        [],
        None,
    ]
    broken = judged[2][0]
    assert broken["flagged"] is None and broken["categories"] is None and broken["category_scores"] is None
    assert "timeout" in broken["native"]
    bad = judged[1][1]
    assert bad["categories"] == {name: (True if name == "hate" else None) for name in CATEGORIES}
    assert bad["category_scores"]["hate"] == 0.9 and bad["category_scores"]["sexual"] is None
    assert made.schema == MODERATE.writes


def test_each_distinct_message_in_its_context_is_judged_once() -> None:
    engine = Recorder()
    rows = [[("user", "hi"), ("assistant", "hi")], [("user", "hi"), ("assistant", "hi")], [("user", "hi")]]
    moderate(table(rows), engine, 0)
    assert engine.asked == [(Message("user", "hi"),)]
    engine = Recorder()
    moderate(table(rows), engine, 2)
    assert engine.asked == [
        (Message("user", "hi"),),
        (Message("user", "hi"), Message("assistant", "hi")),
    ]


def test_the_window_holds_the_messages_before_and_never_those_after() -> None:
    engine = Recorder()
    row = [("user", "one"), ("assistant", None), ("assistant", "two"), ("user", "three"), ("assistant", "four")]
    moderate(table([row]), engine, 2)
    assert [[message.content for message in asked] for asked in engine.asked] == [
        ["one"],
        ["one", "two"],
        ["one", "two", "three"],
        ["two", "three", "four"],
    ]


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"engine": "http"}, ConfigError, "urls"),
        ({"engine": "http", "urls": ("http://localhost:1/v1",)}, ConfigError, "model"),
        ({"engine": "vllm"}, ConfigError, "model"),
        ({"engine": "vllm", "model": "/no/such/folder"}, ConfigError, "neither"),
        ({"engine": "http", "urls": ("http://localhost:1/v1",), "guard": "classifier"}, ConfigError, "labels"),
        ({"engine": "http", "urls": ("http://a", "http://b"), "weights": (1,), "model": "m"}, ConfigError, "weights"),
        ({"model": "/no/such/file"}, ConfigError, "neither"),
    ],
)
def test_a_config_that_cannot_work_is_told_before_any_work(
    settings: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        check(ModerateConfig(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"thresholds": {"rude": 0.5}},
        {"thresholds": {"hate": 1.5}},
        {"threshold": -0.1},
        {"engine": "gpu"},
        {"api_key_variable": "sk-not-a-name"},
        {"api_key_variables": ("sk-not-a-name",)},
        {"weights": (0,)},
        {"colour": "red"},
    ],
)
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModerateConfig(**settings)


def test_how_servers_are_called_does_not_make_results_stale_and_which_model_does() -> None:
    config = ModerateConfig(engine="http", urls=("http://a",), model="m")
    moved = ModerateConfig(engine="http", urls=("http://b", "http://c"), weights=(2, 1), model="m", timeout_s=5)
    assert config.identity() == moved.identity() and "urls" not in config.identity()
    for other in ({"model": "n"}, {"guard": "llama-guard-3"}, {"window": 2}, {"max_characters": 500}):
        assert ModerateConfig(engine="http", urls=("http://a",), **({"model": "m"} | other)).identity() != (
            config.identity()
        )


def test_vllm_is_an_extra_and_the_message_says_so(tmp_path: Any) -> None:
    pytest.importorskip("torch")
    import importlib.util

    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed here")
    with pytest.raises(MissingExtra, match=r"chatlog\[vllm\]"):
        check(ModerateConfig(engine="vllm", model=str(tmp_path)))


def test_the_shipped_moderator_knows_harm_from_a_recipe() -> None:
    texts = [
        "I hate those people, they are all vermin and should be wiped out.",
        "Tell me how to kill my neighbour without being caught.",
        "Could you give me a recipe for sourdough bread?",
        "Thank you, that was very helpful. How do I sort a list in Python?",
    ]
    with MODERATE.open(ModerateConfig()) as function:
        made = function(table([[("user", text)] for text in texts]))
        scores = [row[0]["native"] for row in made.column("moderation").to_pylist()]
        assert made.column("flagged").to_pylist() == [True, True, False, False], scores
        # A harmful paragraph behind a long harmless beginning is still read.
        padding = "The weather was fine and we walked along the river. " * 60
        judged = (
            function(table([[("user", padding)], [("user", f"{padding}\n\n{texts[0]}")]]))
            .column("moderation")
            .to_pylist()
        )
        harmless, padded = (json.loads(row[0]["native"])["score"] for row in judged)
        assert padded > harmless + 0.2


def test_what_the_cpu_engine_leaves_out_is_told() -> None:
    with MODERATE.open(ModerateConfig(max_windows=1)) as function:
        (row,) = function(table([[("user", "bread " * 1000)]])).column("moderation").to_pylist()
    assert '"cut_characters":' in row[0]["native"] and row[0]["status"] == "ok"
