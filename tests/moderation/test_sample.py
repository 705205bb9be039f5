"""The labelling sample, and its way back."""

from __future__ import annotations

import json
import random
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.moderation.estimate import quality
from chatlog.moderation.labels import Labelled, labelled
from chatlog.moderation.reading import judged_run
from chatlog.moderation.rules import changed_rule
from chatlog.moderation.sample import BINS, Design, allocation, bin_of, sample
from tests.conftest import write_jsonl
from tests.moderation.scored import chat, moderated


def records() -> list[dict[str, Any]]:
    """60 conversations of four messages, most of low scores; a message says its score and, as `true`, its label."""
    rng = random.Random(3)
    made = []
    for number in range(60):
        texts = []
        for turn in range(4):
            score = round(rng.random() ** 3, 3)
            truth = "true" if rng.random() < score else "false"
            texts.append(f"{truth} number {number} {turn} hate={score:.3f} hate~{(score + 0.3) % 1:.3f}")
        made.append(chat(number, "m", *texts))
    made.append(chat(60, "m", "refused", "", "true hate=0.55", "unheard false hate=0.5"))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moderated(tmp_path_factory.mktemp("sample"), records(), shard_rows=25)


def drawn(folder: Path, out: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    sample(judged_run(folder), count, out, seed)
    return [json.loads(line) for line in out.read_text().splitlines()]


def answered(rows: list[dict[str, Any]], out: Path) -> Path:
    """The sample with the labels that its messages tell."""
    return write_jsonl(out, [row | {"label": row["message"].startswith("true")} for row in rows])


def scores_of(folder: Path) -> np.ndarray[Any, Any]:
    found = [shard.judged.score[shard.judged.scored] for shard in judged_run(folder).read()]
    return np.concatenate(found)


def test_it_is_balanced_and_keeps_each_rows_probability(folder: Path, tmp_path: Path) -> None:
    made = sample(judged_run(folder), 60, tmp_path / "s.jsonl")
    sizes = np.bincount(bin_of(scores_of(folder)), minlength=BINS)
    assert made.population == sizes.sum() == 242 and made.sampled == 60
    assert [each["messages"] for each in made.bins] == sizes.tolist()
    quotas = [each["sampled"] for each in made.bins]
    # Six of each, but for a tenth that has no six, whose rest comes from the largest one.
    assert quotas == [7, 6, 6, 6, 6, 6, 6, 6, 6, 5] and sizes[-1] == 5 and sizes[0] > 100
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert len({row["id"] for row in rows}) == 60
    designs = [Design.of_token(row["design"]) for row in rows]
    assert Counter(each.bin for each in designs) == Counter(dict(enumerate(quotas)))
    for row, design in zip(rows, designs, strict=True):
        told = float(row["message"].split("hate=")[1].split()[0])
        assert design.score == max(told, 0.01) and design.bin == int(design.score * 10)
        assert (design.of, design.drawn) == (sizes[design.bin], quotas[design.bin])
    assert sum(each.of / each.drawn for each in designs) == pytest.approx(242)
    # The order tells nothing: neither of the score nor of who spoke before.
    places = [int(row["id"].split("-")[1]) for row in rows]
    assert sorted(places) != places and sorted(each.bin for each in designs) != [each.bin for each in designs]


def test_a_person_sees_the_message_and_its_context_and_no_score(folder: Path, tmp_path: Path) -> None:
    rows = drawn(folder, tmp_path / "s.jsonl", 400)
    assert len(rows) == 242 and stat.S_IMODE((tmp_path / "s.jsonl").stat().st_mode) == 0o600
    for row in rows:
        assert list(row) == ["id", "label", "language", "role", "message", "context", "design"]
        assert row["label"] is None
        words = row["message"].split()
        if words[1] != "number":
            continue
        turn = int(words[3])
        assert row["role"] == ("user" if turn % 2 == 0 else "assistant")
        assert [each["content"].split()[1:4] for each in row["context"]] == [
            ["number", words[2], str(before)] for before in range(turn)
        ]
    told = json.dumps([{key: value for key, value in row.items() if key in ("id", "design")} for row in rows])
    assert "0." not in told


def test_the_same_seed_draws_the_same(folder: Path, tmp_path: Path) -> None:
    first = drawn(folder, tmp_path / "a.jsonl", 40, seed=5)
    assert drawn(folder, tmp_path / "b.jsonl", 40, seed=5) == first
    assert drawn(folder, tmp_path / "c.jsonl", 40, seed=6) != first


def test_every_message_of_a_stratum_is_as_likely(folder: Path, tmp_path: Path) -> None:
    low: Counter[str] = Counter()
    for seed in range(60):
        rows = drawn(folder, tmp_path / f"{seed}.jsonl", 100, seed=seed)
        low.update(row["id"] for row in rows if Design.of_token(row["design"]).bin == 0)
    counts = np.array(list(low.values()))
    first = next(Design.of_token(row["design"]) for row in rows if Design.of_token(row["design"]).bin == 0)
    assert len(counts) == first.of, "some message was never drawn"
    expected = 60 * first.drawn / first.of
    spread = np.sqrt(expected * (1 - first.drawn / first.of))
    assert abs(counts - expected).max() < 5 * spread


def test_a_file_that_may_hold_labels_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text("labels of a week")
    with pytest.raises(ConfigError, match="may hold labels"):
        sample(judged_run(folder), 10, tmp_path / "s.jsonl")
    assert (tmp_path / "s.jsonl").read_text() == "labels of a week"


@pytest.mark.parametrize(
    ("sizes", "count", "quotas"),
    [([10, 10], 10, [5, 5]), ([2, 10, 10], 12, [2, 5, 5]), ([0, 3, 100], 50, [0, 3, 47]), ([1, 1], 9, [1, 1])],
)
def test_what_a_small_stratum_lacks_comes_from_the_others(sizes: list[int], count: int, quotas: list[int]) -> None:
    assert allocation(np.array(sizes), count).tolist() == quotas


def test_bins_are_tenths() -> None:
    scores = np.array([0.0, 0.099999, 0.1, 0.3, 0.7, 0.899999, 0.9, 1.0])
    assert bin_of(scores).tolist() == [0, 0, 1, 3, 7, 8, 9, 9]


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
