"""The moderator's features, weights file and training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlog.errors import DataError
from chatlog.models.moderator.examples import examples, folds
from chatlog.models.moderator.features import BUCKETS, DIMENSIONS, WINDOW, Vectors, grams, windows
from chatlog.models.moderator.heads import FLAGGED, Heads, load, read_safetensors, save
from chatlog.models.moderator.train import train_moderator


class Words:
    """A real, if poor, encoder: the sum of one fixed random vector a word."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
                found[row] += np.random.default_rng(seed).normal(size=DIMENSIONS)
        return (found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def rows(count: int = 120) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    plain = "bread river piano summer number walk table window music garden".split()
    made: list[dict[str, Any]] = []
    for number in range(count):
        flagged = number % 2
        words = [*rng.choice(plain, 6), "zorp" if flagged else "calm", f"n{number}"]
        kind = "hate" if number % 4 == 1 else "violence"
        labels = {"hate": int(bool(flagged) and kind == "hate"), "violence": int(bool(flagged) and kind == "violence")}
        if flagged:
            words.append("gruk" if kind == "hate" else "blag")
        made.append({"text": " ".join(words), "lang": "en", "flagged": flagged, "labels": labels})
    return made


@given(st.text(max_size=3000), st.integers(1, 5))
def test_windows_cover_a_text_from_its_start(text: str, limit: int) -> None:
    found, left_out = windows(text, limit)
    assert "".join(found) == text[: len(text) - left_out]
    assert all(0 < len(piece) <= WINDOW for piece in found) and len(found) <= limit
    assert left_out == 0 or len(found) == limit


@given(st.lists(st.text(max_size=40), max_size=5))
def test_the_features_of_a_text_do_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = grams(texts)
    for row, text in enumerate(texts):
        alone = grams([text])
        part = slice(together.starts[row], together.starts[row + 1])
        assert np.array_equal(together.buckets[part], alone.buckets)
        assert np.array_equal(together.weights[part], alone.weights)
        assert alone.buckets.max(initial=0) < BUCKETS
        assert float(np.linalg.norm(alone.weights)) == pytest.approx(1, abs=1e-5)


def test_case_width_and_spacing_make_no_difference() -> None:
    one, other = grams(["Hello  World"]), grams(["ｈｅｌｌｏ\nworld"])
    assert np.array_equal(one.buckets, other.buckets)


def test_training_learns_what_the_labels_say_and_the_same_bytes_come_again(tmp_path: Path) -> None:
    out = tmp_path / "made.safetensors"
    report = train_moderator([("made", rows())], out, seed=3, encoder=Words())
    assert report.heads == [FLAGGED, "hate", "violence"]
    assert report.held_out["made"]["auprc"] > 0.95
    assert report.held_out["made"]["categories"]["hate"] > 0.8
    heads = load(out)
    texts = ["piano zorp gruk", "piano zorp blag", "piano calm river"]
    found = heads.probabilities(Words().encode(texts), grams(texts))
    assert (found[:, 0] >= heads.thresholds[0]).tolist() == [True, True, False]
    assert found[0, 1] > found[1, 1] and found[1, 2] > found[0, 2]
    again = tmp_path / "again.safetensors"
    train_moderator([("made", rows())], again, seed=3, encoder=Words())
    assert out.read_bytes() == again.read_bytes()


def test_a_row_is_held_out_with_its_copies() -> None:
    numbers = folds(["Hello there", "hello   THERE", "other"], 5, 0)
    assert numbers[0] == numbers[1]
    assert set(folds([str(number) for number in range(200)], 5, 0).tolist()) == set(range(5))


def test_gaps_stay_gaps_and_harmless_rows_speak_for_every_category() -> None:
    made = examples(
        [("hatecheck", [{"text": "a", "lang": "en", "flagged": 1}]), ("x", [{"text": "b", "lang": "en", "flagged": 0}])]
    )
    flagged, harmless = made.targets
    assert flagged[0] == 1 and np.isnan(flagged[8]) and np.nansum(flagged) == 2  # flagged, and hate by its set
    assert harmless.tolist() == [0] * len(harmless)


def test_a_language_with_one_class_is_not_fitted() -> None:
    english = [{"text": f"e{n}", "lang": "en", "flagged": n % 2} for n in range(60)]
    thai = [{"text": f"t{n}", "lang": "th", "flagged": 1} for n in range(60)]
    made = examples([("x", english + thai)])
    assert (made.weights[:60] > 0).all() and (made.weights[60:] == 0).all()


@pytest.mark.parametrize("row", [{"flagged": 2}, {"flagged": 1, "labels": {"rude": 1}}, {"flagged": "1"}])
def test_a_wrong_label_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="x row 1"):
        examples([("x", [{"text": "a", "lang": "en", **row}])])


def test_heads_come_back_from_the_file_and_damage_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    heads = Heads(
        (FLAGGED, "hate"),
        rng.normal(size=(2, DIMENSIONS)).astype(np.float32),
        rng.normal(size=(2, BUCKETS)).astype(np.float32),
        np.array([0.1, -0.2], np.float32),
        np.array([0.4, 0.6], np.float32),
    )
    path = tmp_path / "heads.safetensors"
    save(heads, path, {"seed": "1"})
    found = load(path)
    assert found.names == heads.names
    assert np.allclose(found.vector, heads.vector, atol=2e-3) and np.array_equal(found.bias, heads.bias)
    safetensors = pytest.importorskip("safetensors.numpy")
    theirs = safetensors.load_file(path)
    assert all(np.array_equal(theirs[name], tensor) for name, tensor in read_safetensors(path)[0].items())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError):
        load(path)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(DataError):
        load(path)
    with pytest.raises(DataError, match="cannot read"):
        load(tmp_path / "missing.safetensors")


def test_the_shipped_weights_are_the_pinned_ones() -> None:
    heads = load()
    assert heads.names[0] == FLAGGED and {"hate", "sexual", "violence", "self-harm", "harassment"} <= set(heads.names)
    assert ((heads.thresholds > 0) & (heads.thresholds < 1)).all()
