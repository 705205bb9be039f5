"""`chatlog moderation` as a user types it."""

from __future__ import annotations

import json
import random
import stat
from pathlib import Path
from typing import Any

import pytest

from chatlog.moderation.rates import account
from chatlog.moderation.reading import judged_run
from tests.cli.test_cli import chatlog, told
from tests.conftest import chatlog as library
from tests.conftest import recipe, write_jsonl
from tests.moderation.scored import chat, moderated

MARKER = "zqxmarker"


def records() -> list[dict[str, Any]]:
    rng = random.Random(5)
    made = []
    for number in range(60):
        scores = [round(rng.random(), 2) for _ in range(2)]
        texts = [
            f"{MARKER} {number} {turn} hate={score:.2f} {'true' if rng.random() < score**2 else 'false'}"
            for turn, score in enumerate(scores)
        ]
        made.append(chat(number, "ab"[number % 2], *texts))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = ["fingerprint", "dedup", {"use": "redact", "names_model": ""}]
    return moderated(tmp_path_factory.mktemp("moderation"), records(), before=before, shard_rows=20)


@pytest.fixture
def labels(folder: Path, tmp_path: Path) -> Path:
    told("moderation", folder, "--sample", "80", "--out", tmp_path / "sample.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "sample.jsonl").read_text().splitlines()]
    return write_jsonl(tmp_path / "labels.jsonl", [row | {"label": row["message"].endswith("true")} for row in rows])


def test_rates_as_json_are_the_librarys(folder: Path) -> None:
    found = told("moderation", folder)
    assert found == {
        "run": str(folder),
        **json.loads(json.dumps(account(judged_run(folder)).to_json())),
        "thresholds": None,
    }
    changed = told("moderation", folder, "--threshold", "0.8", "--category", "hate=0.9")
    assert changed["thresholds"] == {"threshold": 0.8, "categories": {"hate": 0.9}, "calibration": None}
    assert changed["totals"]["would_flag"] < changed["totals"]["flagged"] == found["totals"]["flagged"]


def test_people_are_shown_tables_and_no_text(folder: Path) -> None:
    done = chatlog("moderation", folder, "--threshold", "0.8")
    assert done.returncode == 0 and done.stderr == ""
    for words in (
        "judged messages are flagged",
        "would be flagged",
        "by category",
        "by role",
        "by status",
        "jailbreaks",
    ):
        assert words in done.stdout
    assert MARKER not in done.stdout


def test_labels_become_a_calibration_that_a_run_uses(folder: Path, labels: Path, tmp_path: Path) -> None:
    curve = tmp_path / "curve.json"
    words = ("moderation", folder, "--labels", labels)
    found = told(*words, "--calibrate", "platt", "--out", curve)
    quality = found["quality"]
    assert quality["labels"] == 80 and 0 < quality["precision"]["low"] < quality["precision"]["high"] < 1
    assert found["calibration"]["ece"]["after"] < found["calibration"]["ece"]["before"]
    assert told(*words)["quality"] == quality
    shown = chatlog(*words, "--calibrate", "isotonic", "--out", tmp_path / "other.json")
    assert "precision" in shown.stdout and "Brier score" in shown.stdout and MARKER not in shown.stdout
    preview = told("moderation", folder, "--calibration", curve)
    assert preview["totals"]["would_flag"] < preview["totals"]["flagged"]
    stage = {"use": "threshold", "calibration": str(curve)}
    run = judged_run(folder)
    tables = [dict(table) for table in run.pipeline.data["stage"]]
    logs = [Path(path) for path in run.pipeline.sources[0].paths]
    made = library.run(recipe(logs, [*tables, stage], shard_rows=20), folder, workers=1)
    assert made.made["moderate"] == 0 and made.made["threshold"] == 3
    assert told("moderation", folder)["totals"]["flagged"] == preview["totals"]["would_flag"]
    library.run(recipe(logs, tables, shard_rows=20), folder, workers=1)


def test_agreement_with_itself_is_perfect(folder: Path) -> None:
    totals = told("moderation", folder, "--against", folder)["totals"]
    assert (totals["agreement"], totals["kappa"], totals["compared"]) == (1.0, 1.0, 120)
    assert "agreement 100.0 %, kappa 1.000" in chatlog("moderation", folder, "--against", folder).stdout


def test_a_safety_benchmark_is_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.jsonl"
    made = told("moderation", folder, "--safety-benchmark", out, "--top", "3")["benchmark"]
    assert made["conversations"] == 3 == len(out.read_text().splitlines())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert MARKER not in chatlog("moderation", folder, "--safety-benchmark", out).stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--sample", "5"), "--sample needs --out"),
        (("--out", "x"), "--out needs --sample"),
        (("--labels", "x", "--out", "x"), "--out needs --sample"),
        (("--calibrate", "platt", "--out", "x"), "--calibrate needs --labels"),
        (("--labels", "x", "--calibrate", "platt"), "--calibrate needs --out"),
        (("--labels", "x", "--calibrate", "spline", "--out", "x"), "platt or isotonic"),
        (("--labels", "x", "--calibrate", "platt", "--out", "x", "--threshold", "0.3"), "the guard's own scores"),
        (("--sample", "5", "--out", "x", "--labels", "x"), "two questions"),
        (("--against", "x", "--threshold", "0.5"), "own decisions"),
        (("--category", "rude=0.5"), "unknown category"),
        (("--category", "hate"), "hate=0.5"),
        (("--calibration", "/no/such/file"), "cannot read the calibration"),
        (("--against", "/no/such/run"), "not a run folder"),
        (("--labels", "/no/such/file"), "cannot read"),
    ],
)
def test_wrong_usage_is_told_in_one_line(folder: Path, words: tuple[str, ...], why: str) -> None:
    done = chatlog("moderation", folder, *words)
    assert done.returncode == 1 and why in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
