from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import DataError
from chatlog.models import use_int8
from chatlog.models.bert_int8 import exact_product
from chatlog.models.embedders import open_embedder
from chatlog.models.embedders_use import open_use
from chatlog.models.use_file import read_use
from chatlog.models.use_int8 import IntegerUse, open_integer_use
from chatlog.models.weights import locate

pytest.importorskip("torch")
pytest.importorskip("onnxruntime_extensions")

TEXTS = [
    "How do I bake bread at home?",
    "Comment faire du pain à la maison ?",
    "如何在家做面包？",
    "家でパンを焼くにはどうすればいいですか",
    "빵을 어떻게 굽나요?",
    "Как испечь хлеб дома?",
    "كيف أخبز الخبز في المنزل؟",
    "ทำขนมปังที่บ้านอย่างไร",
    "def add(a, b):\n    return a + b",
    "ﬁne ｗｉｄｅ  text\t with   spaces \u200b and e\u0301 👍🏽",
    "hi",
]
HOSTILE = ["", " ", "\x00", "a\x00b", "\ud800 half a pair", "</s> <s> <unk>", "x" * 5000, "\U0010ffff", "▁▁", "\u2028"]


@pytest.fixture(scope="module")
def encoder() -> Iterator[IntegerUse]:
    yield open_integer_use()


def test_vectors_are_those_of_the_graph(encoder: IntegerUse) -> None:
    texts = TEXTS + HOSTILE
    expected = open_use(characters=encoder.max_tokens).encode(texts)
    found = encoder.encode(texts)
    assert found.shape == (len(texts), 512) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosine = np.einsum("ij,ij->i", found, expected)
    assert cosine[: len(TEXTS)].min() > 0.985 and cosine.min() > 0.96


def test_a_text_has_the_same_bytes_in_any_company(encoder: IntegerUse) -> None:
    texts = TEXTS + HOSTILE + [f"question number {i} " + "more " * (i % 50) for i in range(100)]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    for rows in (list(range(len(texts))), order, order[:7] * 3):
        assert encoder.encode([texts[row] for row in rows]).tobytes() == alone[rows].tobytes()
    assert encoder.encode([]).shape == (0, 512)


def test_a_processor_without_fast_products_gives_the_same_bytes(
    encoder: IntegerUse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_int8, "integer_product", lambda: exact_product)
    assert open_integer_use().encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()


def test_control_pieces_in_a_text_are_plain_characters(encoder: IntegerUse) -> None:
    begin, *middle, end = encoder.tokens(["</s> <s> extra_token_id_1"])[0]
    assert (begin, end) == (1, 2) and not {0, 1, 2, 3, 4, 5} & set(middle)


def test_a_text_is_cut_by_characters_and_that_is_told(encoder: IntegerUse) -> None:
    assert isinstance(open_embedder("use-multilingual-v3"), IntegerUse)
    limit = encoder.max_tokens
    same, cut = encoder.encode_and_tell(["a" * limit, "a" * limit + "b", "a" * (50 << 20), "b"])
    assert cut.tolist() == [False, True, True, False]
    assert same[0].tobytes() == same[1].tobytes() == same[2].tobytes()
    assert encoder.token_counts(["ab", "a" * 9999]).tolist() == [2, limit]


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "another"])
def test_a_damaged_file_is_told(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "model.onnx"
    whole = locate("use-multilingual-v3")
    with whole.open("rb") as stream:
        beginning = stream.read(1 << 20)
    file.write_bytes({"empty": b"", "text": b"no model" * 99, "cut": beginning, "another": b"\x3a\x02\x0a\x00"}[damage])
    with pytest.raises(DataError):
        read_use(file)
