"""The labelling sample."""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import ConfigError
from chatlog.moderation.reading import judged_run
from chatlog.moderation.sample import BINS, Design, allocation, bin_of, sample
from tests.moderation.sampled import drawn


def test_it_is_balanced_and_keeps_each_rows_probability(folder: Path, tmp_path: Path) -> None:
    made = sample(judged_run(folder), 60, tmp_path / "s.jsonl")
    scores = [shard.judged.score[shard.judged.scored] for shard in judged_run(folder).read()]
    sizes = np.bincount(bin_of(np.concatenate(scores)), minlength=BINS)
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
