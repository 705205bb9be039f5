"""Agreement of two guards on the same conversations."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatlog.errors import DataError
from chatlog.moderation.agreement import Agreement, agreement, kappa
from chatlog.moderation.reading import judged_run
from tests.moderation.scored import chat, moderated

RECORDS = [
    chat(1, "a", "hate=0.9", "hate=0.9 hate~0.1"),  # both, this alone
    chat(2, "a", "hate=0.1 hate~0.9", "hate=0.1 one"),  # other alone, neither
    chat(3, "a", "refused hate~0.9", "unheard hate=0.9"),  # both failed, the other failed
    chat(4, "b", "", "violence=0.8"),  # skipped, both
    chat(5, "b", "hate=0.1 two", "hate=0.1 three", "hate=0.1 four"),
]


def compared(folder: Path, theirs: Path) -> Agreement:
    return agreement(judged_run(folder), judged_run(theirs))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("agreement")
    return moderated(root / "one", RECORDS), moderated(root / "two", RECORDS, guard="other")


def test_counts_kappa_roles_and_categories(runs: tuple[Path, Path]) -> None:
    told = compared(*runs)
    expected = (2 + 4) / 8
    chance = (3 / 8) * (3 / 8) + (5 / 8) * (5 / 8)
    assert told.totals == {
        "messages": 11,
        "compared": 8,
        "both": 2,
        "this_only": 1,
        "other_only": 1,
        "neither": 4,
        "agreement": 0.75,
        "kappa": pytest.approx((expected - chance) / (1 - chance)),
        "this_failed": 0,
        "other_failed": 1,
        "both_failed": 1,
        "skipped": 1,
        "not_given": 0,
    }
    roles = {row["role"]: row for row in told.by_role}
    assert (roles["user"]["compared"], roles["user"]["other_only"], roles["user"]["both_failed"]) == (4, 1, 1)
    assert (roles["assistant"]["compared"], roles["assistant"]["this_only"]) == (4, 1)
    categories = {row["category"]: row for row in told.by_category}
    assert set(categories) == {"hate", "violence"}
    assert (categories["hate"]["both"], categories["hate"]["this_only"], categories["hate"]["other_only"]) == (1, 1, 1)
    assert categories["violence"]["both"] == 1 and categories["violence"]["kappa"] == 1.0


def test_the_other_way_round_is_the_mirror(runs: tuple[Path, Path]) -> None:
    there, back = compared(*runs).totals, compared(*reversed(runs)).totals
    swap = {"this_only": "other_only", "this_failed": "other_failed"}
    swap |= {value: key for key, value in swap.items()}
    assert {swap.get(name, name): value for name, value in back.items()} == there


def test_conversations_that_one_run_left_out_are_counted_apart(runs: tuple[Path, Path], tmp_path: Path) -> None:
    twice = [*RECORDS, chat(6, "b", *(each["content"] for each in RECORDS[4]["messages"]))]
    all_ = moderated(tmp_path / "all", twice)
    some = moderated(tmp_path / "some", twice, before=["fingerprint", "dedup"], where="kept")
    told = compared(all_, some).totals
    assert (told["messages"], told["not_given"], told["compared"]) == (14, 3, 9)
    assert (told["both_failed"], told["skipped"]) == (1, 1)
    assert compared(some, all_).totals["not_given"] == 3


@pytest.mark.parametrize("change", ["fewer", "more shards", "other id", "other turns", "other roles"])
def test_other_conversations_are_an_error(runs: tuple[Path, Path], tmp_path: Path, change: str) -> None:
    records = list(RECORDS)
    shard_rows = 4
    if change == "fewer":
        records = records[:4]
    elif change == "more shards":
        shard_rows = 2
    elif change == "other id":
        records[1] = records[1] | {"id": "another"}
    elif change == "other roles":
        told = [each | {"role": "assistant"} for each in RECORDS[4]["messages"]]
        records[4] = records[4] | {"messages": told}
    else:
        records[4] = chat(5, "b", "hate=0.1 two", "hate=0.1 three")
    other = moderated(tmp_path, records, shard_rows=shard_rows)
    with pytest.raises(DataError, match="do not hold the same conversations"):
        compared(runs[0], other)


def test_kappa_at_its_ends() -> None:
    assert kappa(20, 5, 10, 15) == pytest.approx(0.4)  # a textbook's table: agreement 0.7, chance 0.5
    assert kappa(5, 0, 0, 5) == 1.0 and kappa(0, 5, 5, 0) == -1.0
    assert kappa(0, 0, 0, 9) is None and kappa(0, 0, 0, 0) is None
