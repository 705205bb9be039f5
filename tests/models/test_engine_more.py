"""Further questions about what a guard found something in, on both engines that can ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import pytest

from chatlog.models.engines.http_answers import request
from chatlog.models.engines.running import VllmWorkers
from chatlog.models.engines.vllm import VllmEngine, VllmSettings
from chatlog.models.engines.vllm_worker import Prompt, Said
from chatlog.models.engines.watched import Limits, Watched
from chatlog.models.guards import Answer, Judgment, Message, Thresholds
from chatlog.models.guards_open import open_guard
from tests.models.loopback import completion, loopback
from tests.models.test_engine_http import judged

TEXTS = ["good", "bad", "good again", "bad too"]


def check(found: list[Judgment]) -> None:
    assert [judgment.status for judgment in found] == ["ok"] * len(TEXTS)
    assert [judgment.flagged for judgment in found] == ["bad" in text for text in TEXTS]
    assert found[1].category_scores["hate"] == found[1].score == pytest.approx(0.9089, abs=1e-3)
    native = json.loads(found[1].native or "")
    assert native["verdict"] == "unsafe" and native["categories"] == pytest.approx({"S10": 0.9089, "S2": 0.0911})
    assert json.loads(found[0].native or "")["categories"] == {}


def test_a_server_is_asked_for_one_token_and_for_a_hazard_where_one_may_be() -> None:
    with loopback() as server:
        check(judged(TEXTS, open_guard("llama-guard-3"), server))
        assert sorted(server.calls.values()) == [1] * 6
        bodies = server.bodies
    assert [body["max_tokens"] for body in bodies] == [1] * 6
    # Nothing holds the model to an answer: one that it would not give is to be seen.
    assert all("structured_outputs" not in body and body["add_special_tokens"] is False for body in bodies)
    assert all(body["logprobs"] >= 14 for body in bodies)


def test_a_server_without_extensions_is_read_all_the_same() -> None:
    with loopback() as server:
        server.refuses = "add_special_tokens"
        check(judged(TEXTS, open_guard("llama-guard-3"), server, concurrency=1))
        assert ["add_special_tokens" in body for body in server.bodies] == [True] + [False] * 6


def test_an_answer_of_several_tokens_is_held_to_its_choices() -> None:
    (question,) = open_guard("qwen3guard-gen").more(
        [Message("user", "x"), Message("assistant", "y")], [Answer(" Unsafe")]
    )
    path, body = request(question, "m", extended=True)
    assert path == "completions" and body["structured_outputs"] == {"choice": list(question.choices)}
    assert " Violent\nRefusal: No" in question.choices and not any("Jailbreak" in one for one in question.choices)


class Letters:
    """A tokenizer whose tokens are letters."""

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}


def speaking(pipe: Connection, _: object, number: int) -> None:
    """A worker that says what the server on loopback says."""
    pipe.send(("ready", None))
    while True:
        slice_number, prompts = pipe.recv()
        pipe.send(("done", (slice_number, [say(prompt) for prompt in prompts])))


def say(prompt: Prompt) -> Said:
    (told,) = completion("".join(map(chr, prompt.tokens)))["choices"]
    return Said(told["text"], told["logprobs"]["top_logprobs"], [], 0)


@contextmanager
def engine(max_model_len: int = 8000, guard: str = "llama-guard-3") -> Iterator[VllmEngine]:
    settings = VllmSettings("", 1000, max_model_len, VllmWorkers())
    workers = Watched(speaking, None, 1, Limits(start_s=60, stall_s=60, restarts=3, slice_items=16))
    try:
        workers.start()
        yield VllmEngine(workers, Letters(), None, open_guard(guard), Thresholds(0.5), settings)
    finally:
        workers.close()


def conversations() -> list[list[Message]]:
    return [[Message("user", text)] for text in TEXTS]


def test_workers_are_asked_for_a_hazard_where_one_may_be() -> None:
    with engine() as opened:
        check(opened.judge(conversations()))
        assert opened.counts["prompts"] == 6
        check(opened.judge(conversations()))


def test_a_prompt_leaves_room_for_what_is_asked_after_it() -> None:
    guard = open_guard("llama-guard-3")
    long = [Message("user", "bad " * 200)]
    (question,) = guard.ask(long)
    # One token less than it needs: the message has to give way, and nothing is longer than the model.
    with engine(len(question.prompt) + guard.max_tokens - 1) as opened:
        (found,) = opened.judge([long])
    assert found.status == "ok" and found.flagged
    assert json.loads(found.native or "")["cut_characters"] > 0


def test_a_further_prompt_that_does_not_fit_is_an_error_and_not_half_a_judgment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = open_guard("llama-guard-3")
    (question,) = guard.ask([Message("user", "bad")])
    monkeypatch.setattr(type(guard), "max_tokens", 1)
    with engine(len(question.prompt) + 4) as opened:
        bad, good = opened.judge([[Message("user", "bad")], [Message("user", "hm")]])
    assert (bad.status, bad.flagged, json.loads(bad.native or "")) == ("error", None, {"error": "prompt too long"})
    assert good.status == "ok"
