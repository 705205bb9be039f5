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
from chatlog.models.moderator.examples import DOMAIN_OF, HEADS, examples, folds
from chatlog.models.moderator.features import (
    DIMENSIONS,
    MINORS,
    PIECE,
    WIDTH,
    WINDOW,
    Vectors,
    pieces,
    see,
    windows,
)
from chatlog.models.moderator.mixture import DOMAINS, FLAGGED, Mixture, load, save
from chatlog.models.moderator.templates import OWN, own_sets
from chatlog.models.moderator.tensors import read_safetensors
from chatlog.models.moderator.train import train_moderator
from chatlog.schema import CATEGORIES


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


@given(st.text(max_size=WINDOW))
def test_pieces_hold_all_but_spaces(text: str) -> None:
    found = pieces(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert found and all(len(piece) <= 2 * PIECE for piece in found)


def test_the_features_of_a_text_do_not_depend_on_its_neighbours() -> None:
    texts = ["one. " * 120, "two words", "", "one. " * 120]
    together = see(texts, Words())
    assert together.vectors.shape[1] == WIDTH and together.owner.tolist() == sorted(together.owner.tolist())
    assert [int((together.owner == row).sum()) for row in range(4)] == [4, 1, 1, 4]
    for row, text in enumerate(texts):
        own = together.owner == row
        assert np.array_equal(together.vectors[own], see([text], Words()).vectors)
        assert (~together.part[own]).tolist() == [True] + [False] * (int(own.sum()) - 1)
    (short,) = together.vectors[together.owner == 1]
    assert np.array_equal(short[:DIMENSIONS], short[DIMENSIONS:])


def test_training_learns_what_the_labels_say_and_the_same_bytes_come_again(tmp_path: Path) -> None:
    out = tmp_path / "made.safetensors"
    report = train_moderator([("made", rows())], out, seed=3, encoder=Words(), own=())
    assert report.heads == [FLAGGED, "hate", "violence"]
    assert report.held_out["made"]["auprc"] > 0.95
    assert report.held_out["made"]["categories"]["hate"] > 0.8
    made = load(out)
    texts = ["piano zorp gruk", "piano zorp blag", "piano calm river"]
    found = made.calibrated(made.logits(see(texts, Words()).vectors))
    assert (found[:, 0] >= made.thresholds[0]).tolist() == [True, True, False]
    assert found[0, 1] > found[1, 1] and found[1, 2] > found[0, 2]
    again = tmp_path / "again.safetensors"
    train_moderator([("made", rows())], again, seed=3, encoder=Words(), own=())
    assert out.read_bytes() == again.read_bytes()


def test_each_kind_of_text_has_a_standard_of_its_own(tmp_path: Path) -> None:
    # "zorp" breaks the rules of statements and is fine in a request; one head could not say both.
    statements = rows(160)
    requests = [
        {"text": f"please {row['text']}", "lang": "en", "flagged": 1 - row["flagged"], "domain": "request"}
        for row in rows(160)
    ]
    out = tmp_path / "two.safetensors"
    report = train_moderator([("s", statements), ("r", requests)], out, encoder=Words(), own=())
    assert load(out).domains == ("policy", "request")
    assert report.held_out["s"]["auprc"] > 0.9 and report.held_out["r"]["auprc"] > 0.9


def test_too_few_rows_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        train_moderator([("small", rows(12))], tmp_path / "x", encoder=Words(), own=())


def test_the_examples_that_were_written_here_are_well_formed() -> None:
    sets = own_sets()
    assert [name for name, _ in sets] == list(OWN) and sum(len(rows) for _, rows in sets) > 1400
    data = examples(sets)
    assert (data.weights > 0).all() and not data.reference.any()
    both = {name: {row["flagged"] for row in rows} for name, rows in sets}
    assert both["templates-request"] == both["templates-statement"] == {0, 1}
    assert both["templates-ordinary"] == both["templates-languages"] == {0}
    assert not any("{" in row["text"] for _, rows in sets for row in rows)
    threats = data.targets[data.targets[:, HEADS.index("harassment/threatening")] == 1]
    assert len(threats) >= 20 and (threats[:, HEADS.index("harassment")] == 1).all()


def test_words_for_children() -> None:
    for text in ("a 14-year-old", "she is 9 years old", "ein Kind", "una niña", "未成年", "school-girl"):
        assert MINORS.search(text), text
    for text in ("a 24-year-old", "kindness", "the mayor's minority", "1984"):
        assert not MINORS.search(text), text


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
    # Harmless Thai of the same kind, in another file, is what they need beside them.
    more = [{"text": f"h{n}", "lang": "th", "flagged": 0} for n in range(20)]
    assert (examples([("x", english + thai), ("y", more)]).weights > 0).all()


def test_public_sets_have_a_kind_of_text_and_a_row_may_name_its_own() -> None:
    assert set(DOMAIN_OF.values()) == set(DOMAINS)
    row = {"text": "a", "lang": "en", "flagged": 1}
    made = examples([("xstest", [row, {**row, "domain": "social"}]), ("mine", [row])])
    assert [DOMAINS[place] for place in made.domains] == ["request", "social", "policy"]


@pytest.mark.parametrize(
    "row", [{"flagged": 2}, {"flagged": 1, "labels": {"rude": 1}}, {"flagged": "1"}, {"flagged": 1, "domain": "poem"}]
)
def test_a_wrong_label_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="x row 1"):
        examples([("x", [{"text": "a", "lang": "en", **row}])])


def test_weights_come_back_from_the_file_and_damage_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def some(*shape: int) -> Vectors:
        return rng.normal(size=shape).astype(np.float32)

    made = Mixture(
        ("policy", "hate"),
        ("hate", "violence", "sexual"),
        some(2, WIDTH),
        some(2),
        some(2, WIDTH),
        some(2),
        some(3, WIDTH),
        some(3),
        np.array([1, 1, 0], np.float32),
        some(4),
        np.array([0, 1, 0.5, 0], np.float32),
        some(4),
        np.array([0.4, 0.6, 0.5, 0.5], np.float32),
    )
    path = tmp_path / "heads.safetensors"
    save(made, path, {"seed": "1"})
    found = load(path)
    assert (found.domains, found.categories) == (made.domains, made.categories)
    assert np.allclose(found.experts, made.experts, atol=2e-3) and np.array_equal(found.slopes, made.slopes)
    scores = found.calibrated(found.logits(some(5, WIDTH)))
    assert scores.shape == (5, 4) and ((scores >= 0) & (scores <= 1)).all()
    # A message cannot be likelier to break one rule than any.
    assert (scores <= scores[:, :1]).all() and (scores[:, 1:] < scores[:, :1]).any()
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
    made = load()
    assert made.domains == DOMAINS
    # The eleventh, sexual/minors, is told by words; see MINORS.
    assert {*made.categories, "sexual/minors"} == set(CATEGORIES)
    assert ((made.thresholds > 0) & (made.thresholds < 1)).all()
