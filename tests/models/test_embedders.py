from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import ConfigError
from chatlog.models.embedders import MINILM, open_embedder
from chatlog.models.embedders_tokens import Embedder

pytest.importorskip("sentence_transformers")

TEXTS = [
    "How do I bake bread?",
    "How can I bake a loaf of bread at home?",
    "Le chat dort sur le canapé.",
    "如何做面包?",
    "",
    "word " * 2000,
    "[SEP] [CLS] <|im_start|>",
    "\ud800 half a pair",
]


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_: object) -> None:
            raise AssertionError("the network was asked for")

        patch.setattr(socket.socket, "connect", refuse)
        yield open_embedder(MINILM, max_tokens=256)


def test_vectors_are_unit_length_and_in_order(embedder: Embedder) -> None:
    vectors = embedder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.8 > 0.3 > vectors[0] @ vectors[2]


def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    texts = TEXTS + [f"question number {i} about bread" for i in range(50)]
    together = embedder.encode(texts)
    alone = np.concatenate([embedder.encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    shuffled = list(range(len(texts)))
    random.Random(0).shuffle(shuffled)
    np.testing.assert_allclose(embedder.encode([texts[i] for i in shuffled]), together[shuffled], atol=1e-6)


def test_the_same_call_gives_the_same_bytes(embedder: Embedder) -> None:
    assert embedder.encode(TEXTS).tobytes() == embedder.encode(TEXTS).tobytes()


def test_equal_texts_get_equal_vectors_and_no_text_gets_none(embedder: Embedder) -> None:
    first, _, again = embedder.encode(["twice", "once", "twice"])
    assert first.tobytes() == again.tobytes()
    assert embedder.encode([]).shape == (0, 384)


def test_a_text_is_cut_at_the_token_limit(embedder: Embedder) -> None:
    assert embedder.token_counts(["bread", "word " * 2000]).tolist() == [3, 256]
    same = embedder.encode(["word " * 2000, "word " * 2000 + "another end"])
    np.testing.assert_array_equal(same[0], same[1])


def test_a_text_that_ends_at_the_limit_is_not_cut(embedder: Embedder) -> None:
    texts = ["word " * 254, "word " * 255, "short", "word " * 254 + " " * 20_000]
    assert embedder.token_counts(texts).tolist() == [256, 256, 3, 256]
    _, cut = embedder.encode_and_tell([*texts, texts[1]])
    # What is behind the last word of the last text is not even given to the tokenizer.
    assert cut.tolist() == [False, True, False, True, True]


def test_control_tokens_in_a_text_are_plain_characters(embedder: Embedder) -> None:
    assert embedder.token_counts(["[SEP]"]).tolist() == [5]  # [CLS] [ sep ] [SEP]


def test_fewer_dimensions_are_scaled_to_unit_length() -> None:
    short = open_embedder(MINILM, dim=64)
    vectors = short.encode(["bread"])
    assert vectors.shape == (1, 64)
    np.testing.assert_allclose(np.linalg.norm(vectors), 1, atol=1e-5)


@pytest.mark.parametrize("setting", [{"dim": 385}, {"max_tokens": 513}, {"device": "cuda"}])
def test_what_the_model_cannot_do_is_refused(setting: dict[str, int]) -> None:
    import torch

    if "device" in setting and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigError):
        open_embedder(MINILM, **setting)  # type: ignore[arg-type]


def test_code_and_pickles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"modules\.json"):
        open_embedder(str(tmp_path))
    modules = tmp_path / "modules.json"
    modules.write_text(json.dumps([{"path": "", "type": "payload.Model"}]))
    with pytest.raises(ConfigError, match="code of its own"):
        open_embedder(str(tmp_path))
    modules.write_text(json.dumps([{"path": "", "type": "sentence_transformers.models.Transformer"}]))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ConfigError, match="pickle"):
        open_embedder(str(tmp_path))
