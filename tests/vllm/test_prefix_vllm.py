"""What the order of prompts saves on the real engine, and what our engine costs beside vLLM's own call."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks.moderate_vllm import chats, made_tasks, order

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")


def test_our_order_computes_a_third_less_than_a_random_one(instruct: Path) -> None:
    work = made_tasks(chats(30, seed=3), window=4)
    # Tokens of the tiny tokenizer are short: these prompts hold some 400,000, and the cache a twelfth of them.
    found = order(instruct, argparse.Namespace(shape="tiny"), work, tokens=400_000)
    assert found["ours"]["sent"] == found["random"]["sent"] == found["log"]["sent"]
    assert found["saved_of_random"] > 0.3, found
    # In the log a conversation's turns follow one another already.
    assert found["saved_of_log"] > -0.02, found
