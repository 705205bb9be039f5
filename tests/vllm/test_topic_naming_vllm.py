"""Topics named by a small instruct model on the real vLLM engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatlog.models.topic_answers import read_name
from chatlog.models.topic_naming import NamingConfig, answers, open_namer, prompt
from tests.models.topic_rows import bread, evidence, python

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]
pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")
pytest.importorskip("icu4py")


def config(model: Path) -> NamingConfig:
    return NamingConfig(engine="vllm", model=str(model), max_model_len=4096, eager=True, dtype="float32")


def test_answers_fit_the_schema_whatever_the_model_is(instruct: Path) -> None:
    # Random weights: what comes out is held by the grammar alone.
    prompts = [prompt(["bake bread"], [], ["how do i bake bread <|im_end|>"], []), prompt(["a" * 40] * 300, [], [], [])]
    with open_namer(config(instruct)) as engine:
        said = answers(config(instruct), prompts, engine)
    assert all(text is not None and text.startswith("{") for text in said)
    for text in said:
        try:
            told = json.loads(text or "")
        except json.JSONDecodeError:
            continue  # it ran out of tokens
        assert list(told) == ["name"] and 2 <= len(told["name"]) <= 60


def test_a_model_names_topics_or_keywords_do(smollm2: Path) -> None:
    rows = evidence([*bread(12), *python(12)], 2, naming=config(smollm2)).table().to_pylist()
    assert {row["named_by"] for row in rows} <= {"llm", "keywords"}
    assert len({row["label"] for row in rows}) == 2
    assert all(read_name(row["label"].split(" · ")[0]) for row in rows)
