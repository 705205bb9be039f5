"""Real kills: a run is ended with SIGKILL at moments spread over its length, and gives the same bytes in the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import conversation, parts, write_jsonl

RECIPE = """
name = "kill"
[ingest]
shard_rows = 60
[[source]]
reader = "openai_messages"
paths = ["logs/*.jsonl"]
[[stage]]
use = "fingerprint"
[[stage]]
use = "dedup"
[[stage]]
use = "redact"
where = "kept"
names_model = ""
[[stage]]
use = "language"
where = "kept"
"""


def start(folder: Path, out: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "chatlog.cli.main", "run", "recipe.toml", "--out", out, "--workers", "2"]
    with (folder / "stderr.txt").open("wb") as stderr:
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=stderr)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_anywhere_a_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    records = [conversation(number % 350, words="my mail is someone@example.org") for number in range(400)]
    write_jsonl(tmp_path / "logs" / "a.jsonl", records)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    whole = start(tmp_path, "whole")
    assert whole.wait() == 0, (tmp_path / "stderr.txt").read_text()

    rng = random.Random(7)
    kills = 0
    orphans: list[psutil.Process] = []
    for _ in range(40):
        process = start(tmp_path, "killed")
        # A few files further, then a little later still: in the middle of a write, or between two.
        target = len(files(tmp_path / "killed")) + rng.randint(1, 14)
        while process.poll() is None and len(files(tmp_path / "killed")) < target:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05))
        if process.poll() is not None:
            assert process.returncode == 0, (tmp_path / "stderr.txt").read_text()
            break
        orphans += psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    else:
        pytest.fail("the run never came to its end")
    assert kills >= 4, f"only {kills} kills: nothing was tested"
    assert parts(tmp_path / "killed") == parts(tmp_path / "whole")
    assert not list((tmp_path / "killed").rglob(".tmp-*"))
    _, alive = psutil.wait_procs(orphans, timeout=20)
    assert not alive, "workers outlived the run that was killed"


def files(run: Path) -> list[Path]:
    """The part files and sidecars that are there so far."""
    return list(run.glob("*/part-*"))
