"""What the order of prompts saves on the real engine."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from benchmarks.moderate_vllm import chats, made_tasks, order
from chatlog.models.engines.config import ModerateConfig

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")


def test_our_order_computes_a_third_less_than_a_random_one(instruct: Path) -> None:
    work = made_tasks(chats(20, seed=3), window=ModerateConfig().window)
    # Tokens of the tiny tokenizer are short: these prompts hold some 350,000, and the cache a twelfth of them.
    found = order(instruct, argparse.Namespace(shape="tiny"), work, tokens=350_000, beside=["random"])
    assert found["ours"]["sent"] == found["random"]["sent"]
    assert found["saved_of_random"] > 0.3, found
