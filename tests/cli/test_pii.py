"""`chatlog pii` as a user types it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from chatlog.canaries.measure import measure
from chatlog.engine.measured import CANARIES
from chatlog.pipeline import parse
from chatlog.release.export import export
from tests.cli.test_cli import chatlog, told
from tests.conftest import ROOT, conversation, recipe, write_jsonl
from tests.conftest import chatlog as library

MARKER = "zqxmarker"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ["CHATLOG_USER_KEY"] = "a key for tests alone"  # as every test has it; fixtures of modules come first
    root = tmp_path_factory.mktemp("pii")
    records = [
        conversation(number, words=f"{MARKER} mail me at a{number}@example.org from 10.83.0.9") for number in range(12)
    ]
    logs = write_jsonl(root / "a.jsonl", records)
    data = dict(
        recipe(
            [logs],
            ["fingerprint", "dedup", {"use": "redact", "names_model": "", "ip_address": "keep", "where": "kept"}],
        ).data
    )
    data["release"] = {
        "select": str(ROOT / "sql/release/lmsys_chat.sql"),
        "card": str(ROOT / "data_cards/lmsys_chat.md.j2"),
    }
    library.run(parse(data, ROOT), root / "run", workers=1)
    return root / "run"


def test_rates_and_canaries_as_json(folder: Path) -> None:
    rates = told("pii", folder)
    assert (
        (rates["totals"]["replaced"], rates["totals"]["kept"]) == (12, 12) and rates["canaries"] is None and rates["ok"]
    )
    found = told("pii", folder, "--canaries", "34", "--seed", "4")
    assert found["totals"] == rates["totals"]
    assert found["canaries"]["overall"]["planted"] == 34 and found["canaries"]["seed"] == 4
    assert found["canaries"] == json.loads(json.dumps(measure(folder, 34, 4).to_json()))


def test_people_are_shown_tables_and_what_the_figure_is_not(folder: Path) -> None:
    done = chatlog("pii", folder, "--canaries", "34")
    assert done.returncode == 0 and done.stderr == ""
    for words in (
        "24 spans in 12 of 12 conversations",
        "12 replaced, 12 kept",
        "by recognizer",
        "by role",
        "by form",
        "what leaked",
    ):
        assert words in done.stdout
    assert "it does not say what is left in the run" in done.stdout
    assert MARKER not in done.stdout


@pytest.mark.parametrize("bound", ["0.999", "0.01"])
def test_a_recall_under_the_bound_is_an_error_of_one_line(folder: Path, bound: str) -> None:
    done = chatlog("pii", folder, "--canaries", "34", "--min-recall", bound, "--json")
    short = bound == "0.999"
    assert done.returncode == int(short) and json.loads(done.stdout)["ok"] is not short
    assert done.stderr.count("\n") == int(short) and ("under --min-recall 0.999" in done.stderr) is short


def test_wrong_usage_is_told(folder: Path, tmp_path: Path) -> None:
    for words in (("pii", folder, "--min-recall", "0.5"), ("pii", tmp_path), ("pii", folder, "--canaries", "0")):
        done = chatlog(*words)
        assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert chatlog("pii", folder, "--canaries", "5", "--min-recall", "2").returncode == 2


def test_the_card_tells_the_measured_recall_or_that_there_is_none(folder: Path, tmp_path: Path) -> None:
    (folder / CANARIES).unlink(missing_ok=True)
    export(folder, tmp_path / "out")
    assert "redaction misses was not measured" in (tmp_path / "out" / "README.md").read_text()
    made = measure(folder, 34).overall
    export(folder, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    shown = f"{100 * made.recall:.1f} % (95 % interval {100 * made.low:.1f} % to {100 * made.high:.1f} %)"
    assert f"recall on 34 planted entities: {shown}" in card and "redaction misses was not measured" not in card
    assert "| EMAIL_ADDRESS | 12 |" in card
    assert (
        "left as they are: IP_ADDRESS. Not looked for: ORGANIZATION, LOCATION, NRP, DATE_TIME." in card
        and "| IP_ADDRESS |" not in card
    )
    pii = json.loads((tmp_path / "out" / "provenance.json").read_bytes())["pii"]
    assert pii["recall"]["gone"] == made.gone and pii["names_model"] is None and "SECRET" in pii["actions"]["replace"]


def test_a_damaged_measurement_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / CANARIES).write_text("{")
    done = chatlog("sql", "FROM canaries", "--run", tmp_path / "run")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and CANARIES in done.stderr
