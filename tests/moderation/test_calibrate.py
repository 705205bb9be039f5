"""Calibration on labels: what is fitted, how it is measured, and that the stage `threshold` uses it."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import orjson
import pytest

from chatlog.errors import DataError
from chatlog.models.calibration import Calibration, load_calibration, log_odds
from chatlog.moderation.calibrate import Kind, brier_score, calibrate, calibration_error, fit
from chatlog.moderation.labels import Labelled
from chatlog.moderation.sample import BINS, bin_of

kinds = pytest.mark.parametrize("kind", ["platt", "isotonic"])


def found(count: int = 1500, seed: int = 1) -> Labelled:
    """Labels whose true probability is a steeper curve, and far below the score."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(count), 6)
    truth = rng.random(count) < true_probability(score)
    bins = bin_of(score)
    return Labelled(
        truth=truth,
        flagged=score >= 0.5,
        score=score,
        bin=bins,
        role=np.zeros(count, dtype=np.int64),
        sizes=np.bincount(bins, minlength=BINS) * np.array([50, *[1] * 9]),  # the lowest tenth stands for many more
        population=None,
        unlabelled=0,
        failed=0,
    )


def true_probability(score: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return 1 / (1 + np.exp(-(1.6 * log_odds(score) - 2.0)))


@kinds
def test_a_curve_finds_the_true_probability(kind: Kind, tmp_path: Path) -> None:
    made = calibrate(found(), kind, tmp_path / "c.json")
    grid = np.linspace(0.05, 0.95, 19)
    curve = load_calibration(tmp_path / "c.json")
    assert np.abs(curve.apply(grid) - true_probability(grid)).max() < (0.05 if kind == "platt" else 0.15)
    assert np.abs(grid - true_probability(grid)).max() > 0.35
    assert (np.diff(curve.apply(np.linspace(0, 1, 1001))) >= 0).all()
    assert made.brier["after"] < made.brier["before"] and made.ece["after"] < made.ece["before"] / 2
    assert stat.S_IMODE((tmp_path / "c.json").stat().st_mode) == 0o600
    told = orjson.loads((tmp_path / "c.json").read_bytes())
    assert told["measured"]["labels"] == 1500 and told["measured"]["brier"] == made.brier


def test_platt_is_as_it_was_made() -> None:
    labels = found(20_000)
    curve = fit(labels.score, labels.truth, "platt")
    assert (curve.slope, curve.intercept) == (pytest.approx(1.6, abs=0.1), pytest.approx(-2.0, abs=0.1))


def test_after_is_measured_on_labels_that_the_curve_had_not_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    labels = found(60)
    noise = Labelled(**{**labels.__dict__, "truth": rng.random(60) < 0.5, "sizes": np.full(BINS, 6)})
    made = calibrate(noise, "isotonic", tmp_path / "c.json")
    seen = fit(noise.score, noise.truth, "isotonic").apply(noise.score)
    assert made.brier["after"] > brier_score(seen, noise) + 0.01


def test_the_measures_are_weighted_by_the_run() -> None:
    labels = found(4)
    tiny = Labelled(
        **{
            **labels.__dict__,
            "truth": np.array([True, False, False]),
            "score": np.array([0.9, 0.8, 0.05]),
            "bin": np.array([9, 8, 0]),
            "sizes": np.array([98, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
        }
    )
    assert brier_score(tiny.score, tiny) == pytest.approx((0.01 + 0.64 + 98 * 0.0025) / 100)
    assert calibration_error(tiny.score, tiny) == pytest.approx((0.1 + 0.8 + 98 * 0.05) / 100)


@kinds
def test_too_few_labels_of_a_kind_are_told(kind: Kind, tmp_path: Path) -> None:
    labels = found(100)
    few = Labelled(**{**labels.__dict__, "truth": np.arange(100) < 4})
    with pytest.raises(DataError, match="4 are true"):
        calibrate(few, kind, tmp_path / "c.json")
    assert not (tmp_path / "c.json").exists()


def test_labels_that_fall_as_scores_rise_are_told(tmp_path: Path) -> None:
    labels = found(200)
    swapped = Labelled(**{**labels.__dict__, "truth": ~labels.truth})
    with pytest.raises(DataError, match="fall as the scores rise"):
        calibrate(swapped, "platt", tmp_path / "c.json")


def test_scores_of_zero_and_one_have_a_probability() -> None:
    for curve in (Calibration(kind="platt", slope=2.0), Calibration(kind="isotonic", x=(0.2, 0.8), y=(0.1, 0.7))):
        made = curve.apply(np.array([0.0, 0.2, 1.0, np.nan]))
        assert 0 <= made[0] <= made[1] < made[2] <= 1 and np.isnan(made[3])
