from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chatlog.models import embedding_once
from chatlog.models.embedders_tokens import Embedder
from chatlog.models.embedding_cache import EmbeddingCache, cache_identity
from chatlog.models.embedding_once import EmbedsOnce


class Letters(Embedder):
    """Counts letters, and remembers what it was asked."""

    name, dim, max_tokens = "letters", 26, 1000
    unit = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def counts(self) -> dict[str, int]:
        return {"prompts": len(self.asked), "prompt_tokens": sum(map(len, self.asked))}

    def _made(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        self.asked += texts
        vectors = np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32)
        return vectors, np.zeros(len(texts), dtype=bool)

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text) for text in texts], dtype=np.int32)


def test_each_text_is_asked_for_once_and_all_come_back_in_order() -> None:
    model = Letters()
    once = EmbedsOnce(lambda: model)
    texts = ["banana", "abc", "banana", "", "abc", "banana"]
    found = once.encode(texts)
    assert found.dtype == np.float16 and found[:, 0].tolist() == [3, 1, 3, 0, 1, 3]
    assert np.array_equal(once.encode(["zz", "abc"])[:, 25], [2, 0])
    assert model.asked == ["banana", "abc", "", "zz"]
    assert once.counts() == {
        "texts": 8,
        "embedded": 4,
        "repeated": 4,
        "cached": 0,
        "cut": 0,
        "prompts": 4,
        "prompt_tokens": 11,
    }


def test_the_model_is_opened_by_the_first_text_and_once() -> None:
    opened = []
    once = EmbedsOnce(lambda: opened.append(1) or Letters())  # type: ignore[func-returns-value]
    assert once.encode([]).shape == (0, 0) and once.counts().get("texts", 0) == 0 and not opened
    once.encode(["a"])
    once.encode(["b"])
    assert len(opened) == 1


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_once, "_REMEMBERED", 10)
    model = Letters()
    once = EmbedsOnce(lambda: model)
    for start in range(0, 100, 5):
        once.encode([f"{'a' * i}" for i in range(start, start + 5)])
        assert len(once._lately) <= 10
    once.encode(["a" * 99, "a"])
    assert model.asked[100:] == ["a"]


def test_a_cache_is_asked_before_the_model(tmp_path: Path) -> None:
    identity = cache_identity({"model": "letters"})
    first, second = Letters(), Letters()
    for model, texts in ((first, ["a", "b"]), (second, ["b", "c", "a", "b"])):
        cache = EmbeddingCache(tmp_path, identity)
        once = EmbedsOnce(lambda model=model: model, cache)  # type: ignore[misc]
        found = once.encode(texts)
        cache.close()
    assert first.asked == ["a", "b"] and second.asked == ["c"]
    assert found[:, :3].argmax(axis=1).tolist() == [1, 2, 0, 1]
    assert {name: once.counts()[name] for name in ("texts", "embedded", "repeated", "cached")} == {
        "texts": 4,
        "embedded": 1,
        "repeated": 1,
        "cached": 2,
    }
