from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from chatlog.errors import ConfigError
from chatlog.models.bert_int8 import exact_product, integer_product
from chatlog.models.embedders import MINILM, open_embedder
from chatlog.models.minilm_int8 import MiniLM, open_minilm

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

SUBJECTS = ["bread", "rockets", "a résumé", "Python lists", "the French revolution", "my cat", "tax returns"]
TEXTS = [f"{start} {subject}{'?' * (i % 3)}" for i, subject in enumerate(SUBJECTS) for start in ("Explain", "I like")]
HOSTILE = [
    "",
    " ",
    "a\x00b",
    "\ud800 half a pair",
    "[SEP] [CLS]",
    "x" * 5000,
    "word " * 4000,
    "\U0010ffff",
    "如何做面包?",
]


@pytest.fixture(scope="module")
def minilm() -> Iterator[MiniLM]:
    yield open_minilm(64)


def test_vectors_are_those_of_the_model_in_floats(minilm: MiniLM) -> None:
    expected = open_embedder(MINILM, max_tokens=64).encode(TEXTS + HOSTILE)
    found = minilm.encode(TEXTS + HOSTILE)
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.einsum("ij,ij->i", found, expected).min() > 0.985


def test_a_text_has_the_same_bytes_in_any_company(minilm: MiniLM) -> None:
    texts = TEXTS + HOSTILE + [f"question number {i} " + "more " * (i % 60) for i in range(120)]
    alone = np.concatenate([minilm.encode([text]) for text in texts])
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    for rows in (list(range(len(texts))), order, order[:7] * 3):
        assert minilm.encode([texts[row] for row in rows]).tobytes() == alone[rows].tobytes()
    assert minilm.encode([]).shape == (0, 384)


def test_a_text_is_cut_and_that_is_counted(minilm: MiniLM) -> None:
    same, cut = minilm.encode_and_tell(["word " * 100, "word " * 100 + "another end", "word", "word " * 62])
    np.testing.assert_array_equal(same[0], same[1])
    assert cut.tolist() == [True, True, False, False]
    assert minilm.token_counts(["word " * 100, "[SEP]", "word " * 62]).tolist() == [64, 5, 64]


def test_a_huge_text_takes_no_longer_than_its_beginning(minilm: MiniLM) -> None:
    huge = "How do I bake bread? " * (50_000_000 // 21)
    assert minilm.encode([huge]).tobytes() == minilm.encode([huge[:10_000]]).tobytes()


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 384, 384), (7, 1536, 384), (33, 384, 1152)])
def test_products_are_exact_on_any_processor(rows: int, inner: int, columns: int) -> None:
    draw = np.random.default_rng(0)
    left = draw.integers(-127, 128, (rows, inner)).astype(np.int8)
    right = draw.integers(-127, 128, (columns, inner)).astype(np.int8).T
    left[0], right[:, 0] = 127, 127  # the largest sum that there is
    expected = left.astype(np.int64) @ right.astype(np.int64)
    for product in (exact_product, integer_product()):
        found = product(torch.from_numpy(left), torch.from_numpy(right))
        assert found.dtype == torch.int32 and np.array_equal(found.numpy(), expected)


def test_more_tokens_than_it_has_places_are_refused() -> None:
    with pytest.raises(ConfigError, match="512"):
        open_embedder("minilm-int8", max_tokens=513)
