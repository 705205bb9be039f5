"""The commands as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, conversation, write_jsonl
from tests.models.loopback import loopback

RECIPE = """
[[source]]
reader = "openai_messages"
paths = ["*.jsonl"]
[[stage]]
use = "fingerprint"
[[stage]]
use = "dedup"
"""


def chatlog(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatlog.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=240)


def told(*words: str | Path, cwd: Path | None = None) -> dict[str, Any]:
    done = chatlog(*words, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "a.jsonl", [conversation(number % 8) for number in range(10)] + [{"no": 1}])
    (tmp_path / "mine.toml").write_text(RECIPE)
    return tmp_path


def test_run_plan_and_status_as_json(folder: Path) -> None:
    made = told("run", "mine.toml", "--out", "run", "--workers", "1", cwd=folder)
    assert (made["records"], made["rows"], made["rejects"]) == (11, 10, 1)
    assert [step["stage"] for step in told("plan", "mine.toml", cwd=folder)["steps"]] == ["fingerprint", "dedup"]
    stages = told("status", "run", cwd=folder)["stages"]
    assert [(stage["stage"], stage["left"]) for stage in stages] == [("ingest", 0), ("fingerprint", 0), ("dedup", 0)]
    rows = told("sql", "SELECT count(*) AS n FROM conversations WHERE kept", "--run", "run", cwd=folder)["rows"]
    assert rows == [{"n": 8}]


def test_errors_are_told_and_repeated_when_asked_for(folder: Path) -> None:
    with loopback() as server:
        stage = f'[[stage]]\nuse = "moderate"\nengine = "http"\napi = "moderations"\nurls = ["{server.url}"]\n'
        (folder / "mine.toml").write_text(RECIPE + stage + "retries = 0\ninputs_per_call = 1\n")
        words = ("run", "mine.toml", "--out", "run", "--workers", "1")
        server.always = (403, {}, {})
        first = chatlog(*words, cwd=folder)
        assert "moderate: 10 rows are errors; the same command with --retry-errors repeats them" in first.stdout
        assert [line.split()[:6] for line in chatlog("status", "run", cwd=folder).stdout.splitlines()][-1] == (
            ["moderate", "1/1", "0", "0", "10", "10"]
        )
        server.always = None
        assert told(*words, cwd=folder)["failed"] == {"moderate": 10}
        mended = told(*words, "--retry-errors", cwd=folder)
        assert mended["failed"] == {"moderate": 0} and mended["made"]["moderate"] == 1
        stages = told("status", "run", cwd=folder)["stages"]
        assert [stage["failed"] for stage in stages] == [0, 0, 0, 0]


def test_strict_tells_of_rejects_by_its_exit_code(folder: Path) -> None:
    assert chatlog("run", "mine.toml", "--out", "run", "--strict", cwd=folder).returncode == 3


def test_verify_export_explain_and_report_as_json(curated: Path, tmp_path: Path) -> None:
    run = curated / "run"
    assert told("verify", curated / "dataset", "--run", run)["ok"]
    assert told("export", run, "--out", tmp_path / "out")["released"] > 0
    first = told("sql", "SELECT conversation_id FROM conversations LIMIT 1", "--run", run)["rows"][0]["conversation_id"]
    assert told("explain", run, first)["rows"]
    assert told("report", run, "--out", tmp_path / "r.html")["bytes"] == (tmp_path / "r.html").stat().st_size


def test_overlap_as_json_and_as_a_table(folder: Path) -> None:
    told("run", "mine.toml", "--out", "run", "--workers", "1", cwd=folder)
    text = conversation(3)["messages"][0]["content"]
    write_jsonl(folder / "bench.json", [{"id": "q", "body": text}])
    write_jsonl(folder / "more.json", [{"body": "nobody asked this of all questions in the world"}])
    words = ("overlap", "run", "--with", "bench.json", "two=more.json", "--field", "body")
    found = told(*words, cwd=folder)
    assert (found["conversations"], found["contaminated"], found["made"]) == (10, 1, 1)
    assert [(one["benchmark"], one["items"], one["exact"]) for one in found["benchmarks"]] == [
        ("bench", 1, 1),
        ("two", 1, 0),
    ]
    again = chatlog(*words, cwd=folder)
    assert "(1 of 10 conversations are contaminated)" in again.stdout and text not in again.stdout + again.stderr


def test_eval_prints_one_object(tmp_path: Path) -> None:
    rows = [
        {
            "id": str(n),
            "text": f"text number {n // 2} of some length",
            "cluster": n // 2,
            "variant": "base",
            "strength": "base",
        }
        for n in range(6)
    ]
    found = told("eval", "dedup", write_jsonl(tmp_path / "set.jsonl", rows))
    assert found["task"] == "dedup" and found["file"] == "set.jsonl" and found["n"] == 6
    assert found["metrics"]["recall"] == 1.0


def test_the_generator_is_reached(tmp_path: Path) -> None:
    made = told("demo", "logs", "--conversations", "200", "--seed", "3", "--out", tmp_path / "logs")
    assert made["conversations"] == 200 and (tmp_path / "logs").is_dir()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "none.toml", "--out", "x"), 1, "cannot read the pipeline"),
        (("run", "mine.toml", "--out", "x", "--input", "none.jsonl"), 1, "no such file"),
        (("run", "mine.toml", "--out", "x", "--engine", "spark"), 1, "unknown engine 'spark'"),
        (("run", "mine.toml", "--out", "x", "--set", "dedup.treshold=1"), 1, "did you mean 'threshold'?"),
        (("run", "mine.toml", "--out", "a.jsonl"), 1, "not a run folder"),
        (("run", "mine.toml"), 2, "Missing option"),
        (("nonsense",), 2, "No such command"),
        (("status", "."), 1, "is not a run folder"),
        (("overlap", ".", "--with", "a.jsonl"), 1, "is not a run folder"),
        (("overlap", "."), 2, "Missing option"),
        (("sql", "--run", "x"), 1, "give one of a QUERY"),
        (("export", ".", "--out", "y"), 1, "is not a run folder"),
        (("verify", "."), 1, "not a release"),
        (("eval", "dedup", "a.jsonl"), 1, "has no field"),
        (("eval", "cooking", "a.jsonl"), 2, "cooking"),
        (("eval", "moderation", "a.jsonl", "--run", "."), 1, "is not a run folder"),
        (("eval", "pii", "a.jsonl", "--run", "."), 1, "eval pii has no --run"),
        (("eval", "moderation", "a.jsonl", "--run", ".", "--folds", "2"), 1, "neither --folds nor --k"),
    ],
)
def test_a_mistake_is_one_clear_line(folder: Path, words: tuple[str, ...], code: int, message: str) -> None:
    done = chatlog(*words, cwd=folder)
    assert done.returncode == code
    assert message in done.stderr and "Traceback" not in done.stderr and done.stdout == ""
    if code == 1:
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")
    assert not (folder / "x" / "ingest").exists()


def test_an_error_is_an_object_too_when_json_was_asked_for(folder: Path) -> None:
    done = chatlog("run", "none.toml", "--out", "x", "--json", cwd=folder)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["kind"] == "ConfigError"


def test_a_source_that_cannot_be_read_is_told(folder: Path) -> None:
    if os.geteuid() == 0:
        (folder / "a.jsonl").unlink()
        (folder / "a.jsonl").mkdir()
        done = chatlog("run", "mine.toml", "--out", "x", cwd=folder)
        assert done.returncode == 1 and "no such file" in done.stderr
        return
    (folder / "a.jsonl").chmod(0)
    done = chatlog("run", "mine.toml", "--out", "x", cwd=folder)
    assert done.returncode == 1 and "cannot read" in done.stderr


def test_an_interrupt_is_told_and_the_run_can_go_on(folder: Path) -> None:
    write_jsonl(folder / "b.jsonl", [conversation(number, turns=4) for number in range(6000)])
    command = [sys.executable, "-m", "chatlog.cli.main", "run", "mine.toml", "--out", "run", "--workers", "1"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    while not (folder / "run" / "ingest.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130 and "interrupted" in stderr and "Traceback" not in stderr
    assert told("run", "mine.toml", "--out", "run", cwd=folder)["rows"] == 6010


def test_the_recipes_of_the_readme_are_there() -> None:
    assert (ROOT / "pipelines" / "lmsys_chat.toml").exists() and (ROOT / "pipelines" / "moderate_gpu.toml").exists()


def test_rejects_are_listed_and_can_be_mended_and_added(folder: Path) -> None:
    (folder / "a.jsonl").write_text((folder / "a.jsonl").read_text() + '{"id": "x", "messages": [{"role": "user"\n')
    told("run", "mine.toml", "--out", "run", cwd=folder)
    listed = told("rejects", "run", cwd=folder)["rejects"]
    assert [(row["record"], row["reason"]) for row in listed] == [(10, "no_conversation"), (11, "truncated_json")]
    assert told("rejects", "run", "--reason", "truncated_json", "--out", "mend.txt", cwd=folder)["n"] == 1
    broken = (folder / "mend.txt").read_text()
    assert broken == '{"id": "x", "messages": [{"role": "user"\n'
    (folder / "mended.jsonl").write_text(broken.rstrip() + ', "content": "hello there"}]}\n')
    again = told("run", "mine.toml", "--out", "run", cwd=folder)
    assert (again["rows"], again["made"]["ingest"]) == (11, 1)
    assert chatlog("rejects", "run", "--reason", "bad", cwd=folder).returncode == 1
