from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from chatlog import run
from tests.conftest import conversation, recipe, write_jsonl


def _forget(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatlog.cli.main", "forget", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def _run(tmp_path: Path) -> str:
    records = [{**conversation(number), "user": f"user-{number % 3}"} for number in range(9)]
    records.append({"id": "broken", "user": "user-2", "messages": "no list"})
    run(recipe([write_jsonl(tmp_path / "logs.jsonl", records)]), tmp_path / "run")
    return str(tmp_path / "run")


def test_the_command_tells_what_went_and_where_it_is_still(tmp_path: Path) -> None:
    folder = _run(tmp_path)
    told = _forget(folder, "--conversation", "c4", "--dry-run").stdout
    assert "would remove 1 conversations" in told and "the log still holds 1 of them" in told
    told = _forget(folder, "--conversation", "c4", "--conversation", "not here")
    assert told.returncode == 0 and "removed 1 conversations and 0 rejects" in told.stdout
    assert "ingest: 1 shards written anew" in told.stdout and "logs.jsonl" in told.stdout
    assert "not in this run: 1 of the names" in told.stderr


def test_ids_are_read_from_a_file_or_standard_input_and_told_as_json(tmp_path: Path) -> None:
    folder = _run(tmp_path)
    done = _forget(folder, "--user-ids", "-", "--json", given="user-2\n\nnobody\n")
    told = json.loads(done.stdout)
    assert told["removed"]["rows"] == 3 and told["removed"]["rejects"] == 1
    assert told["removed"]["shards"] == {"dedup": 1, "fingerprint": 1, "ingest": 1}
    assert told["sources"] == {"logs.jsonl": 3} and len(told["unknown"]) == 1 and not told["dry_run"]
    assert "user-2" not in done.stdout + done.stderr
    missing = _forget(folder, "--user-ids", str(tmp_path / "gone.txt"))
    assert missing.returncode == 1 and "give a text file with one id a line" in missing.stderr
