"""What the vllm embedder does around its workers: real processes that stand for the engine, and die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt
import pytest

from chatlog.errors import ConfigError, DataError, MissingExtra
from chatlog.models.embedders import MINILM
from chatlog.models.embedders_tokens import TextTokens
from chatlog.models.embedders_vllm import VllmEmbedder, open_vllm_embedder
from chatlog.models.engines.contents import open_tokenizer
from chatlog.models.engines.running import VllmWorkers
from chatlog.models.engines.vllm_workers import check_vllm
from chatlog.models.engines.watched import Limits, Watched
from chatlog.models.weights import locate

pytest.importorskip("transformers")

DEADLY, LOST = 5202, 2439  # "dragon", "lost"


def vector(tokens: list[int]) -> npt.NDArray[np.float32]:
    found = np.random.default_rng(sum(tokens)).standard_normal(12).astype(np.float32)
    return np.where(LOST in tokens, np.float32("nan"), found)


def embedding(pipe: Connection, _: object, number: int) -> None:
    pipe.send(("ready", None))
    while True:
        slice_number, prompts = pipe.recv()
        if any(DEADLY in prompt.tokens for prompt in prompts):
            os.kill(os.getpid(), signal.SIGKILL)
        pipe.send(("done", (slice_number, [vector(prompt.tokens) for prompt in prompts])))


@contextmanager
def opened(dim: int | None = None, prompt: str = "") -> Iterator[VllmEmbedder]:
    tokens = TextTokens(open_tokenizer(MINILM, locate(MINILM)), 16, prompt)
    workers = Watched(embedding, None, 1, Limits(start_s=60, stall_s=60, restarts=1, slice_items=16))
    try:
        workers.start()
        yield VllmEmbedder(MINILM, workers, tokens, 16, dim)
    finally:
        workers.close()


def test_vectors_are_cut_to_unit_length_in_order_and_each_text_is_asked_once() -> None:
    texts = [f"bread number {number}" for number in range(40)] + ["word " * 14, "word " * 15, "bread number 3"]
    with opened(dim=7, prompt="query: ") as embedder:
        found, cut = embedder.encode_and_tell(texts)
        counts = embedder.counts
        assert embedder.dim == 7 and embedder.encode([]).shape == (0, 7)
    tokenizer = open_tokenizer(MINILM, locate(MINILM))
    ids = tokenizer([f"query: {text}" for text in texts], truncation=True, max_length=16)["input_ids"]
    expected = np.stack([vector(own)[:7] for own in ids])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert cut.tolist() == [False] * 40 + [True, True, False]  # the prompt takes two tokens
    assert counts == {"prompt_tokens": sum(map(len, ids[:-1])), "restarts": 0}


@pytest.mark.parametrize("word", ["dragon", "lost"])
def test_a_text_without_a_vector_stops_the_run_and_is_not_told(word: str) -> None:
    tokenizer = open_tokenizer(MINILM, locate(MINILM))
    assert tokenizer.convert_tokens_to_ids([word]) == [DEADLY if word == "dragon" else LOST]
    with opened() as embedder:
        with pytest.raises(DataError, match=r"no vector for 1 of 20 texts.*run again") as caught:
            embedder.encode([*(f"bread number {number}" for number in range(19)), f"a {word} Quillzebra"])
        assert "Quillzebra" not in repr(caught.value)
        # It costs itself alone.
        assert embedder.encode(["bread"]).shape == (1, 12)


def test_dimensions_beyond_the_model_s_are_refused() -> None:
    with pytest.raises(ConfigError, match="gives 12 dimensions, the config asks for 13"), opened(dim=13):
        pass


def test_what_is_not_installed_is_told() -> None:
    try:
        check_vllm("embed")
    except MissingExtra as error:
        assert "embed: engine 'vllm' needs" in str(error) and "chatlog[vllm]" in str(error)
        with pytest.raises(MissingExtra), open_vllm_embedder(MINILM, VllmWorkers(), max_tokens=16):
            pass
