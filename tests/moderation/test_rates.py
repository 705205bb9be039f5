"""Rates, what other thresholds make of them, and jailbreaks by model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatlog import run
from chatlog.errors import ConfigError
from chatlog.interval import wilson
from chatlog.models.judgments import Rule
from chatlog.models.moderator.mixture import SHIPPED
from chatlog.moderation.rates import ModerationAccount, account
from chatlog.moderation.reading import judged_run
from chatlog.moderation.rules import changed_rule, parsed, settings_of
from tests.conftest import conversation, recipe, write_jsonl
from tests.moderation.scored import chat, moderated

RECORDS = [
    chat(1, "a", "ask hate=0.9", "answer hate=0.8"),  # attempt, success
    chat(2, "a", "ask hate=0.9 two", "answer hate=0.1"),  # attempt
    chat(3, "a", "ask hate=0.1", "answer violence=0.6"),  # neither: nobody asked for it
    chat(4, "b", "ask hate=0.7", "refused"),  # attempt, undetermined
    chat(5, "b", "refused", "answer hate=0.1"),  # may have been an attempt
    chat(
        6, "b", "ask hate=0.1", "answer hate=0.9", "ask hate=0.9", "answer hate=0.1"
    ),  # the flagged answer came before
    chat(7, "b", "ask violence=0.95", "refused", "ask hate=0.1", "answer violence=0.75"),  # success, whatever failed
    chat(8, "c", "ask hate=0.3", ""),  # nothing
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moderated(tmp_path_factory.mktemp("rates"), RECORDS)


def told(folder: Path, rule: Rule | None = None) -> ModerationAccount:
    return account(judged_run(folder), rule)


def by(rows: list[dict[str, Any]], label: str) -> dict[str, dict[str, Any]]:
    return {row[label]: row for row in rows}


def test_totals_and_status(folder: Path) -> None:
    low, high = wilson(9, 16)
    assert told(folder).totals == {
        "conversations": 8,
        "touched": 6,
        "messages": 20,
        "ok": 16,
        "error": 3,
        "skipped": 1,
        "flagged": 9,
        "rate": 9 / 16,
        "low": low,
        "high": high,
        "unscored": 0,
    }
    assert told(folder).by_status == [
        {"status": "ok", "conversations": 5, "messages": 16},
        {"status": "error", "conversations": 3, "messages": 3},
        {"status": "skipped", "conversations": 0, "messages": 1},
    ]


def test_models_languages_roles_and_categories(folder: Path) -> None:
    found = told(folder)
    models = by(found.by_model, "model")
    counts = ("conversations", "touched", "ok", "error", "flagged")
    assert {name: tuple(row[count] for count in counts) for name, row in models.items()} == {
        "a": (3, 3, 6, 0, 4),
        "b": (4, 3, 9, 3, 5),
        "c": (1, 0, 1, 0, 0),
    }
    assert models["a"]["rate"] == 4 / 6 and (models["a"]["low"], models["a"]["high"]) == wilson(4, 6)
    assert [row["language"] for row in found.by_language] == ["unknown"]
    assert {row["role"]: (row["messages"], row["flagged"]) for row in found.by_role} == {
        "user": (10, 5),
        "assistant": (10, 4),
    }
    categories = by(found.by_category, "category")
    assert set(categories) == {"hate", "violence"}
    counts = ("told", "flagged", "user", "assistant", "touched")
    assert {name: tuple(row[count] for count in counts) for name, row in categories.items()} == {
        "hate": (16, 6, 4, 2, 4),
        "violence": (16, 3, 1, 2, 2),
    }


def test_jailbreaks_are_flagged_answers_to_flagged_users(folder: Path) -> None:
    rows = by(told(folder).jailbreaks, "model")
    low, high = wilson(1, 2)
    assert rows["a"] == {
        "model": "a",
        "conversations": 3,
        "attempts": 2,
        "attempt_rate": 2 / 3,
        "successes": 1,
        "undetermined": 0,
        "success_rate": 0.5,
        "low": low,
        "high": high,
        "failed": 0,
    }
    b = rows["b"]
    assert (b["conversations"], b["attempts"], b["successes"], b["undetermined"], b["failed"]) == (4, 3, 1, 1, 1)
    assert b["success_rate"] == 0.5
    assert rows["c"]["attempts"] == 0 and rows["c"]["success_rate"] is None and rows["c"]["low"] is None


def test_other_thresholds_stand_beside_what_is_flagged(folder: Path) -> None:
    pipeline = judged_run(folder).pipeline
    found = told(folder, changed_rule(pipeline, 0.85, {"violence": 0.6}))
    assert (found.totals["flagged"], found.totals["would_flag"], found.totals["would_rate"]) == (9, 7, 7 / 16)
    models = by(found.by_model, "model")
    assert {name: row["would_flag"] for name, row in models.items()} == {"a": 3, "b": 4, "c": 0}
    categories = by(found.by_category, "category")
    assert (categories["hate"]["would_flag"], categories["violence"]["would_flag"]) == (4, 3)
    # Jailbreaks follow: the answer of 0.8 is no success now.
    assert by(found.jailbreaks, "model")["a"]["successes"] == 0
    lenient = told(folder, changed_rule(pipeline, 0.0))
    # What failed or was skipped is not flagged by any threshold.
    assert lenient.totals["would_flag"] == 16 and lenient.totals["error"] == 3


def test_a_preview_is_what_the_stage_does(folder: Path, tmp_path: Path) -> None:
    rule = changed_rule(judged_run(folder).pipeline, 0.85, {"violence": 0.6})
    stage = {"use": "threshold", "threshold": 0.85, "thresholds": {"violence": 0.6}}
    after = told(moderated(tmp_path, RECORDS, after=[stage]))
    preview = told(folder, rule)
    assert after.totals["flagged"] == preview.totals["would_flag"]
    assert [row["flagged"] for row in after.by_model] == [row["would_flag"] for row in preview.by_model]
    assert after.jailbreaks == preview.jailbreaks


def test_what_is_not_named_stays_as_the_run_has_it(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(1)])
    moderate = {"use": "moderate", "threshold": 0.6, "thresholds": {"hate": 0.2}}
    pipeline = recipe([logs], [moderate])
    assert changed_rule(pipeline) is None
    rule = changed_rule(pipeline, thresholds={"sexual": 0.3})
    assert rule is not None and (rule.threshold, rule.thresholds) == (0.6, {"hate": 0.2, "sexual": 0.3})
    assert rule.moderator == SHIPPED and rule.learnt
    last = settings_of(recipe([logs], [moderate, {"use": "threshold", "threshold": 0.9}]))
    assert (last.threshold, last.thresholds) == (0.9, {})


@pytest.mark.parametrize("text", ["hate", "hate=", "hate=x", "hate=1.5", "hate=nan"])
def test_a_threshold_of_another_form_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="such as hate"):
        parsed([text])


def test_an_unknown_category_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match="unknown category 'rude'"):
        changed_rule(judged_run(folder).pipeline, thresholds={"rude": 0.5})


def test_only_what_was_given_to_moderate_counts(tmp_path: Path) -> None:
    copy = chat(9, "a", *(message["content"] for message in RECORDS[5]["messages"]))
    stages = ["fingerprint", "dedup"]
    found = told(moderated(tmp_path, [RECORDS[5], copy], before=stages, where="kept"))
    assert (found.totals["conversations"], found.totals["messages"]) == (1, 4)
    assert sum(row["conversations"] for row in found.jailbreaks) == 1


def test_a_run_that_was_not_moderated_is_told(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "a.jsonl", [conversation(1)])
    run(recipe([logs], ["fingerprint"]), tmp_path / "plain", workers=1)
    with pytest.raises(ConfigError, match="no stage `moderate`"):
        judged_run(tmp_path / "plain")
    run(recipe([logs], ["fingerprint", "moderate"]), tmp_path / "part", until="fingerprint")
    with pytest.raises(ConfigError, match="not moderated yet"):
        judged_run(tmp_path / "part")
