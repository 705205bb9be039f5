from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chatlog.models import semdedup
from chatlog.models.embedding_column import DIMENSIONS, EMBEDDING
from chatlog.models.semdedup import semantic_duplicates
from chatlog.schema import KEY
from chatlog.stage import held
from chatlog.stages.semantic import SEMANTIC, SemanticConfig


def near(vector: Any, cosine: float, rng: np.random.Generator) -> Any:
    """A unit vector at this cosine from the given one."""
    other = rng.normal(size=vector.size)
    other -= other @ vector * vector
    return cosine * vector + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


def table(vectors: list[Any], first: int = 0) -> pa.Table:
    padded = [None if one is None else [*one, *[0.0] * (DIMENSIONS - len(one))] for one in vectors]
    halves = [None if one is None else np.array(one, dtype=np.float16) for one in padded]
    return pa.table({KEY.name: range(first, first + len(vectors)), "embedding": pa.array(halves, EMBEDDING)})


def test_the_later_of_two_that_point_the_same_way_is_told() -> None:
    rng = np.random.default_rng(1)
    one, other = (value / np.linalg.norm(value) for value in rng.normal(size=(2, 64)))
    shards = [table([one, other, None, near(one, 0.98, rng)]), table([one, near(other, 0.9, rng), np.zeros(64)], 4)]
    made = pa.concat_tables(SEMANTIC.run(SemanticConfig(), [held(shard) for shard in shards])).to_pydict()
    assert made["semantic_duplicate_of"] == [None, None, None, 0, 0, None, None]
    assert abs(made["semantic_similarity"][3] - 0.98) < 0.005 and made["semantic_similarity"][4] == 1.0


def test_clustered_comparison_finds_what_comparing_all_finds(monkeypatch: Any) -> None:
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(30, 32))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = np.array([near(centres[number % 30], 0.99, rng) for number in range(900)], dtype=np.float32)
    whole, _ = semantic_duplicates(vectors, 0.97, 0)
    monkeypatch.setattr(semdedup, "_WHOLE", 200)
    parts, _ = semantic_duplicates(vectors, 0.97, 0)
    assert (whole >= 0).sum() >= 865  # each centre has 30, and one of them is first
    assert np.mean(whole == parts) > 0.99


def test_a_giant_group_of_like_vectors_does_not_recurse_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr(semdedup, "_WHOLE", 64)
    rng = np.random.default_rng(3)
    base = rng.normal(size=16)
    base /= np.linalg.norm(base)
    vectors = np.array([near(base, 0.9999, rng) for _ in range(500)], dtype=np.float32)
    of, cosine = semantic_duplicates(vectors, 0.95, 0)
    assert (of >= 0).sum() >= 450 and np.nanmin(cosine) >= 0.95
    equal = np.repeat(vectors[:1], 5000, axis=0)
    of, _ = semantic_duplicates(equal, 0.95, 0)
    assert of.tolist() == [-1] + [0] * 4999


def test_a_duplicate_of_a_duplicate_alone_is_kept() -> None:
    turned = [np.array([np.cos(angle), np.sin(angle)], dtype=np.float32) for angle in (0, 0.25, 0.5)]
    of, cosine = semantic_duplicates(np.array(turned), 0.95, 0)
    assert of.tolist() == [-1, 0, -1]
    assert cosine[1] == pytest.approx(np.cos(0.25), abs=1e-6)
