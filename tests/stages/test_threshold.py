"""The stage `threshold`: it decides as `moderate` would have with its thresholds, from the scores alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pydantic import ValidationError

from chatlog import run
from chatlog.engine.status import status
from chatlog.errors import ConfigError
from chatlog.models.calibration import Calibration
from chatlog.models.guards import Judgment, Message, Thresholds, Verdict, failed
from chatlog.models.judgments import Rule, flat
from chatlog.models.moderator.mixture import SHIPPED, load
from chatlog.query import connect, rows_of
from chatlog.schema import CATEGORIES, MESSAGES
from chatlog.stages.moderate import moderate
from chatlog.stages.threshold import THRESHOLD, ThresholdConfig, rethreshold
from tests.conftest import conversation, recipe, write_jsonl

LEARNT = {"flagged": 0.41, "hate": 0.3, "violence": 0.77}


class Dice:
    """An engine whose verdict on a text is drawn by that text, under any thresholds."""

    def __init__(self, thresholds: Thresholds, native: dict[str, Any]) -> None:
        self.thresholds = thresholds
        self.native = native

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Judgment]:
        return [self.one(conversation[-1].content) for conversation in conversations]

    def one(self, text: str) -> Judgment:
        rng = random.Random(text)
        if rng.random() < 0.15:
            return failed("timeout")
        named = rng.sample(CATEGORIES, rng.randint(0, len(CATEGORIES)))
        # Coarse, so that scores fall on thresholds too; tiny ones are written with an exponent.
        score = rng.choice((0.0, 1.0, 3e-6, rng.randint(0, 20) / 20))
        return self.thresholds.decide(Verdict(score, {name: rng.randint(0, 20) / 20 for name in named}, self.native))


def logs(count: int) -> pa.Table:
    rng = random.Random(7)
    rows: list[Any] = [None, []]
    for number in range(count):
        told = [("user" if turn % 2 == 0 else "assistant", f"{number} {turn}") for turn in range(rng.randint(1, 4))]
        told += [("user", None)] * (number % 7 == 0)
        rows.append([{"role": role, "content": content} for role, content in told])
    return pa.table({"messages": pa.array(rows, MESSAGES)})


@pytest.mark.parametrize(
    ("rule", "thresholds", "native"),
    [
        (Rule(0.7), Thresholds(0.7), {"verdict": "x"}),
        (Rule(0.7, {"hate": 0.2, "sexual": 0.95}), Thresholds(0.7, {"hate": 0.2, "sexual": 0.95}), {}),
        (Rule(), Thresholds(0.5), {}),
        (
            Rule(None, {"hate": 0.2}, "folder/mine", LEARNT),
            Thresholds(0.41, {"hate": 0.2}, LEARNT),
            {"model": "mine", "cut_characters": 3},
        ),
        (Rule(0.1, {}, "mine", LEARNT), Thresholds(0.1, {}, LEARNT), {"model": "mine"}),
        (Rule(None, {}, "mine", LEARNT), Thresholds(0.5), {"model": "mine-2"}),
    ],
)
def test_it_decides_as_moderate_would_have(rule: Rule, thresholds: Thresholds, native: dict[str, Any]) -> None:
    table = logs(300)
    before = moderate(table, Dice(Thresholds(0.33, {"violence": 0.1}), native), 0)
    wanted = moderate(table, Dice(thresholds, native), 0)
    made = rethreshold(before, rule)
    assert made.schema == THRESHOLD.writes
    assert made.to_pylist() == wanted.to_pylist()
    assert before["flagged"].to_pylist() != wanted["flagged"].to_pylist()


def test_slices_and_rows_that_were_not_judged_stay_as_they_are() -> None:
    before = moderate(logs(60), Dice(Thresholds(0.5), {}), 0)
    gone = pa.table([pa.nulls(4, field.type) for field in THRESHOLD.writes], schema=THRESHOLD.writes)
    before = pa.concat_tables([gone, before])
    whole = rethreshold(before, Rule(0.9))
    assert rethreshold(before.slice(17, 20), Rule(0.9)).to_pylist() == whole.slice(17, 20).to_pylist()
    assert whole.slice(0, 4).to_pylist() == gone.to_pylist()
    lenient = rethreshold(before, Rule(0.0)).to_pylist()
    assert {row["flagged"] for row in lenient if row["moderation_status"] == "skipped"} == {None}
    strict = rethreshold(before, Rule(1.0)).to_pylist()
    assert {row["flagged"] for row in strict if row["moderation_status"] == "error"} == {None, True}
    failures = [each for row in strict for each in row["moderation"] or () if each["status"] == "error"]
    assert failures and all(each["flagged"] is None and each["categories"] is None for each in failures)


def test_a_judgment_without_a_score_keeps_its_decision() -> None:
    (row,) = moderate(logs(1).slice(2), Dice(Thresholds(0.5), {}), 0).to_pylist()
    judgment = {**row["moderation"][0], "status": "ok", "flagged": True, "native": '{"verdict":"0.01"}'}
    judgment["categories"] = dict.fromkeys(CATEGORIES) | {"hate": True, "sexual": False}
    judgment["category_scores"] = dict.fromkeys(CATEGORIES) | {"hate": 0.2, "sexual": 0.9}
    table = pa.Table.from_pylist([row | {"moderation": [judgment]}], schema=THRESHOLD.reads)
    made = rethreshold(table, Rule(0.99, {"sexual": 0.8})).to_pylist()[0]
    assert made["moderation"][0]["flagged"] is True
    assert made["moderation"][0]["categories"] == dict.fromkeys(CATEGORIES) | {"hate": True, "sexual": True}


def test_a_calibration_moves_the_scores_of_messages_and_not_of_categories() -> None:
    before = moderate(logs(200), Dice(Thresholds(0.5), {}), 0)
    halves = Calibration(kind="isotonic", x=(0.0, 1.0), y=(0.0, 0.5))
    assert (
        rethreshold(before, Rule(0.35, calibration=halves))
        .column("flagged")
        .equals(rethreshold(before, Rule(0.7)).column("flagged"))
    )
    plain = Calibration(kind="platt", slope=1.0, intercept=0.0)
    assert rethreshold(before, Rule(0.35, calibration=plain)).equals(rethreshold(before, Rule(0.35)))


def test_calibrated_scores_are_probabilities_and_not_on_the_scale_of_training() -> None:
    before = moderate(logs(200), Dice(Thresholds(0.41, {}, LEARNT), {"model": "mine"}), 0)
    same = Calibration(kind="isotonic", x=(0.0, 1.0), y=(0.0, 1.0))
    made = rethreshold(before, Rule(None, {}, "mine", LEARNT, same))
    assert made["flagged"].equals(rethreshold(before, Rule(0.5, {}, "mine", LEARNT))["flagged"])
    assert not made["flagged"].equals(before["flagged"])


def test_a_failed_judgment_is_not_flagged_whatever_it_holds() -> None:
    before = moderate(logs(60), Dice(Thresholds(0.5), {}), 0)
    judgment = {"categories": None, "category_scores": None, "flagged": None, "status": "error"}
    judgment["native"] = '{"score":0.99}'
    table = pa.Table.from_pylist([before.to_pylist()[2] | {"moderation": [judgment]}], schema=THRESHOLD.reads)
    flagged, categories = Rule(0.5).decide(flat(table["moderation"]))
    assert not flagged.any() and not categories.any()


@pytest.fixture
def calibrated(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    path.write_bytes(orjson.dumps(Calibration(kind="platt", slope=1.0, intercept=-20.0).to_json()))
    return path


def test_a_run_changes_its_thresholds_without_its_model(tmp_path: Path, calibrated: Path) -> None:
    records = [conversation(n) for n in range(4)]
    records[1]["messages"][0]["content"] = "I hate those people, they are all vermin and should be wiped out."
    path = write_jsonl(tmp_path / "a.jsonl", records)

    def flagged(*stages: Any) -> list[Any]:
        made = run(recipe([path], ["moderate", *stages]), tmp_path / "run", workers=1)
        assert made.made["moderate"] == (0 if stages and stages != (first,) else 1)
        assert made.made["threshold"] == 1
        with connect(tmp_path / "run") as connection:
            rows = rows_of(connection, "SELECT flagged FROM conversations ORDER BY row_id")
        return [row["flagged"] for row in rows]

    first: dict[str, Any] = {"use": "threshold"}
    with_training = flagged(first)
    assert with_training == [False, True, False, False]
    assert flagged({"use": "threshold", "threshold": 0.0}) == [True] * 4
    assert flagged({"use": "threshold", "calibration": str(calibrated)}) == [False] * 4
    # The content of the file counts, its place does not.
    moved = calibrated.rename(tmp_path / "moved.json")
    again = run(recipe([path], ["moderate", {"use": "threshold", "calibration": str(moved)}]), tmp_path / "run")
    assert again.made["threshold"] == 0
    moved.write_bytes(orjson.dumps(Calibration(kind="platt", slope=1.0, intercept=20.0).to_json()))
    assert [each.stale for each in status(tmp_path / "run") if each.stage == "threshold"] == [1]
    assert flagged({"use": "threshold", "calibration": str(moved)}) == [True] * 4


def test_default_settings_are_those_of_training() -> None:
    learnt = load().learnt
    rule = ThresholdConfig().rule()
    assert rule.moderator == SHIPPED and rule.learnt["flagged"] == pytest.approx(learnt["flagged"])
    assert set(rule.learnt) == set(learnt)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read"),
        ("[1]", "no calibration"),
        ("{", "no calibration"),
        ('{"kind": "platt", "slope": 1}', "format"),
        ('{"format": "chatlog-calibration/1", "kind": "platt", "slope": -1}', "slope"),
        ('{"format": "chatlog-calibration/1", "kind": "isotonic"}', "knots"),
        ('{"format": "chatlog-calibration/1", "kind": "isotonic", "x": [0, 0], "y": [0, 1]}', "rise"),
        ('{"format": "chatlog-calibration/1", "kind": "isotonic", "x": [0, 1], "y": [1, 0]}', "fall"),
        ('{"format": "chatlog-calibration/1", "kind": "isotonic", "x": [0, 1], "y": [0, 2]}', "between"),
    ],
)
def test_a_calibration_that_is_none_is_told_before_any_work(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "c.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=told):
        THRESHOLD.check(ThresholdConfig(calibration="c.json").located(tmp_path))


def test_a_pinned_calibration_that_was_changed_is_told(calibrated: Path) -> None:
    THRESHOLD.check(ThresholdConfig(calibration=str(calibrated)).located(calibrated.parent))
    with pytest.raises(ConfigError, match="was changed"):
        THRESHOLD.check(ThresholdConfig(calibration=str(calibrated), calibration_digest="0" * 64))


@pytest.mark.parametrize("settings", [{"thresholds": {"rude": 0.5}}, {"thresholds": {"hate": 2}}, {"threshold": 1.1}])
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ThresholdConfig(**settings)
