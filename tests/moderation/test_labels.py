"""A sample's way back: labels, and what they tell of a guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatlog.errors import DataError
from chatlog.moderation.estimate import quality
from chatlog.moderation.labels import Labelled, labelled
from chatlog.moderation.reading import judged_run
from chatlog.moderation.rules import changed_rule
from chatlog.moderation.sample import BINS, Design, allocation, bin_of
from tests.conftest import write_jsonl
from tests.moderation.sampled import answered, drawn, records
from tests.moderation.scored import chat, moderated


def test_a_census_gives_the_truth_and_no_doubt(folder: Path, tmp_path: Path) -> None:
    rows = drawn(folder, tmp_path / "s.jsonl", 400)
    truth = np.array([row["message"].startswith("true") for row in rows])
    said = np.array([Design.of_token(row["design"]).score >= 0.5 for row in rows])
    told = quality(labelled(judged_run(folder), answered(rows, tmp_path / "l.jsonl")))
    for found, wanted in (
        (told.precision, truth[said].mean()),
        (told.recall, said[truth].mean()),
        (told.prevalence, truth.mean()),
    ):
        assert (found.value, found.low, found.high) == pytest.approx((wanted, wanted, wanted))
    users = np.array([row["role"] == "user" for row in rows])
    by_role = {row["role"]: row for row in told.by_role}
    assert by_role["user"]["precision"] == pytest.approx(truth[said & users].mean())
    assert by_role["assistant"]["recall"] == pytest.approx(said[truth & ~users].mean())
    assert (told.labels, told.positives, told.uncovered) == (242, truth.sum(), 0)


def test_a_sample_is_weighted_by_what_it_was_drawn_from(folder: Path, tmp_path: Path) -> None:
    everything = drawn(folder, tmp_path / "all.jsonl", 400)
    truth = np.mean([row["message"].startswith("true") for row in everything])
    rows = drawn(folder, tmp_path / "s.jsonl", 100, seed=1)
    found = labelled(judged_run(folder), answered(rows, tmp_path / "l.jsonl"))
    assert found.population is not None and found.population.sum() == 242
    told = quality(found).prevalence
    plain = found.truth.mean()
    assert told.value is not None and told.low is not None and told.high is not None
    assert told.low < truth < told.high and abs(told.value - truth) < 0.1 < abs(plain - truth)


def test_lines_without_a_label_and_failed_judgments_are_told(folder: Path, tmp_path: Path) -> None:
    rows = drawn(folder, tmp_path / "s.jsonl", 400)
    told = [row | {"label": value} for row, value in zip(rows, ("yes", 0, "", None, True, "NO"), strict=False)]
    found = labelled(judged_run(folder), write_jsonl(tmp_path / "l.jsonl", told))
    assert (len(found.truth), int(found.truth.sum()), found.unlabelled) == (4, 2, 2)


def test_labels_measure_another_guard_too(folder: Path, tmp_path: Path) -> None:
    other = moderated(tmp_path, records(), guard="other", shard_rows=25)
    rows = drawn(folder, tmp_path / "s.jsonl", 400)
    found = labelled(judged_run(other), answered(rows, tmp_path / "l.jsonl"))
    # Its scores are others, so that its decisions in a stratum are estimated; one message it could not judge.
    assert found.population is None and found.failed == 1 and len(found.truth) == 241
    told = quality(found)
    heard = [row["message"] for row in rows if "unheard" not in row["message"]]
    said = np.array([float(text.replace("~", "=").split("=")[-1]) >= 0.5 for text in heard])
    truth = np.array([text.startswith("true") for text in heard])
    for each, wanted in ((told.precision, truth[said].mean()), (told.recall, said[truth].mean())):
        assert each.value == pytest.approx(wanted, abs=0.01)
        assert each.value is not None and each.low is not None and each.high is not None
        assert each.low < each.value < each.high
    assert told.uncovered is None


def test_scores_that_have_moved_are_not_counted_by(folder: Path, tmp_path: Path) -> None:
    rows = drawn(folder, tmp_path / "s.jsonl", 400)
    place = next(at for at, row in enumerate(rows) if Design.of_token(row["design"]).bin == 3)
    design = Design.of_token(rows[place]["design"])
    moved = Design(3, design.of, design.drawn, 0.3501 if design.score != 0.3501 else 0.3502).token()
    rows[place] = rows[place] | {"design": moved}
    assert labelled(judged_run(folder), answered(rows, tmp_path / "l.jsonl")).population is None


def test_a_stratum_that_is_parted_by_few_labels_is_uncertain() -> None:
    half = np.arange(20) < 10
    found = Labelled(
        truth=half,
        flagged=half,
        score=np.where(half, 0.36, 0.34),
        bin=np.full(20, 3),
        role=np.zeros(20, dtype=np.int64),
        sizes=np.array([0, 0, 0, 100_000, *[0] * 6]),
        population=None,
        unlabelled=0,
        failed=0,
    )
    told = quality(found)
    assert told.prevalence.value == 0.5 and told.prevalence.low is not None and told.prevalence.high is not None
    assert told.prevalence.high - told.prevalence.low > 0.3
    counted = np.zeros((BINS, 5, 2), dtype=np.int64)
    counted[3, 0] = 50_000
    known = quality(Labelled(**{**found.__dict__, "population": counted})).prevalence
    assert known.low is not None and known.high is not None and known.high - known.low < 0.25


def test_thresholds_that_are_given_decide(folder: Path, tmp_path: Path) -> None:
    labels = answered(drawn(folder, tmp_path / "s.jsonl", 400), tmp_path / "l.jsonl")
    judged = judged_run(folder)
    now = quality(labelled(judged, labels))
    strict = quality(labelled(judged, labels, changed_rule(judged.pipeline, 0.9)))
    assert now.recall.value is not None and strict.recall.value is not None
    assert strict.recall.value < now.recall.value and strict.prevalence == now.prevalence


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"label": "perhaps"}, "line 1: `label` should be"),
        ({"design": "no"}, "line 1: expected a line"),
        ({"id": "x-0-0"}, "1 of 1 labelled messages are not in"),
        ({"id": None}, "not in"),
        ({"id": f"x-{'9' * 5000}-0"}, "not in"),
    ],
)
def test_damaged_labels_are_told_without_text(folder: Path, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (row,) = drawn(folder, tmp_path / "s.jsonl", 1)
    path = write_jsonl(tmp_path / "l.jsonl", [row | {"label": True} | change])
    with pytest.raises(DataError, match=told) as caught:
        labelled(judged_run(folder), path)
    assert row["message"] not in str(caught.value)


def test_files_without_labels_with_twice_one_or_of_two_samples_are_told(folder: Path, tmp_path: Path) -> None:
    rows = drawn(folder, tmp_path / "s.jsonl", 20)
    judged = judged_run(folder)
    with pytest.raises(DataError, match="holds no labels"):
        labelled(judged, tmp_path / "s.jsonl")
    with pytest.raises(DataError, match="cannot read"):
        labelled(judged, tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="stands twice"):
        labelled(judged, answered([rows[0], rows[0]], tmp_path / "l.jsonl"))
    design = Design.of_token(rows[0]["design"])
    larger = Design(design.bin, design.of + 1, design.drawn, design.score).token()
    same = next(row for row in rows[1:] if Design.of_token(row["design"]).bin == design.bin)
    with pytest.raises(DataError, match="several samples"):
        labelled(judged, answered([rows[0] | {"design": larger}, same], tmp_path / "l.jsonl"))


def test_labels_of_other_logs_are_told(folder: Path, tmp_path: Path) -> None:
    labels = answered(drawn(folder, tmp_path / "s.jsonl", 20), tmp_path / "l.jsonl")
    other = moderated(tmp_path, [chat(number, "m", f"hate=0.{number}") for number in range(1, 10)])
    with pytest.raises(DataError, match="20 of 20 labelled messages are not in"):
        labelled(judged_run(other), labels)


def _simulated(seed: int, known: bool) -> tuple[Labelled, tuple[float, float, float]]:
    """A labelled sample of 300 of 40,000 messages, most of low scores, and the truth of all of them."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(0.3, 2.5, 40_000), 6)
    truth = rng.random(len(score)) < score**1.5
    flagged = score >= 0.35
    bins = bin_of(score)
    sizes = np.bincount(bins, minlength=BINS)
    quotas = allocation(sizes, 300)
    taken = np.concatenate(
        [rng.choice(np.flatnonzero(bins == place), quotas[place], replace=False) for place in range(BINS)]
    )
    population = np.zeros((BINS, 5, 2), dtype=np.int64)
    np.add.at(population, (bins, np.zeros_like(bins), flagged.astype(np.int64)), 1)
    found = Labelled(
        truth=truth[taken],
        flagged=flagged[taken],
        score=score[taken],
        bin=bins[taken],
        role=np.zeros(len(taken), dtype=np.int64),
        sizes=sizes,
        population=population if known else None,
        unlabelled=0,
        failed=0,
    )
    return found, (float(truth[flagged].mean()), float(flagged[truth].mean()), float(truth.mean()))


@pytest.mark.parametrize("known", [True, False])
def test_intervals_hold_the_truth_about_as_often_as_they_say(known: bool) -> None:
    runs = 150
    hits = np.zeros(3)
    errors = np.zeros(3)
    for seed in range(runs):
        found, truth = _simulated(seed, known)
        told = quality(found, seed)
        for place, (each, true) in enumerate(zip((told.precision, told.recall, told.prevalence), truth, strict=True)):
            assert each.value is not None and each.low is not None and each.high is not None
            hits[place] += each.low <= true <= each.high
            errors[place] += (each.value - true) / true
    # 95 % of 150 is 142.5; 135 is three standard deviations below.
    assert (hits >= 135).all(), hits
    assert (np.abs(errors / runs) < 0.06).all(), errors / runs
