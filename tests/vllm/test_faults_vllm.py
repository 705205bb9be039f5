"""The real engine killed and hung, and a run killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.opening import open_engine
from chatlog.models.engines.vllm import VllmEngine
from chatlog.models.guards import Judgment, Message
from tests.conftest import write_jsonl
from tests.vllm.conftest import WORDS

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
pytest.importorskip("vllm", reason="vLLM is not installed here: make test-vllm")


def messages(count: int) -> list[list[Message]]:
    words = WORDS.split()
    return [[Message("user", f"{words[n % 30]} {words[n // 30 % 30]} {n}")] for n in range(count)]


def short(folder: Path) -> str:
    """A policy of few tokens: what is tested here is not what it says."""
    path = folder / "short.txt"
    path.write_text("hate: what is bad\nviolence: kill\n")
    return str(path)


def engine_processes() -> list[psutil.Process]:
    """The workers and what they started, but for the one in which multiprocessing tracks its resources."""
    children = psutil.Process().children(recursive=True)
    return [each for each in children if "resource_tracker" not in " ".join(each.cmdline())]


def struck(engine: VllmEngine, given: list[list[Message]], blow: signal.Signals) -> list[Judgment]:
    """The judgments, with a signal to the engine's innermost process once work is under way."""
    found: list[Judgment] = []
    asking = threading.Thread(target=lambda: found.extend(engine.judge(given)))
    asking.start()
    time.sleep(1)
    assert asking.is_alive(), "the work was done before the blow"
    engine_processes()[-1].send_signal(blow)
    asking.join()
    return found


def same(found: list[Judgment], expected: list[Judgment]) -> None:
    assert [each.status for each in found] == ["ok"] * len(expected)
    for one, other in zip(found, expected, strict=True):
        # Another batch adds in another order.
        assert one.score == pytest.approx(other.score, abs=1e-3)


def test_an_engine_that_dies_or_hangs_is_started_again_and_nothing_is_lost(instruct: Path, tmp_path: Path) -> None:
    given = messages(600)
    config = ModerateConfig(
        engine="vllm",
        model=str(instruct),
        policy=short(tmp_path),
        max_model_len=2048,
        eager=True,
        dtype="float32",
        stall_s=20,
        restarts=2,
        slice_prompts=32,
    )
    with open_engine(config) as engine:
        assert isinstance(engine, VllmEngine)
        expected = engine.judge(given)
        assert engine.counts["restarts"] == 0 and {each.status for each in expected} == {"ok"}
        # Of the worker's own death tests/models/test_watched.py has every kind; here the engine within it dies.
        same(struck(engine, given, signal.SIGKILL), expected)
        assert engine.counts["restarts"] == 1
        same(struck(engine, given, signal.SIGSTOP), expected)
        assert engine.counts["restarts"] == 2
    assert not engine_processes()


def test_a_killed_run_goes_on_where_it_was(instruct: Path, tmp_path: Path) -> None:
    words = WORDS.split()
    logs = write_jsonl(
        tmp_path / "logs.jsonl",
        [
            {"id": f"c{n}", "model": "m", "messages": [{"role": "user", "content": f"{words[n % len(words)]} {n}"}]}
            for n in range(1400)
        ],
    )
    short(tmp_path)
    recipe = tmp_path / "moderate.toml"
    recipe.write_text(
        f'[[source]]\nreader = "auto"\npaths = ["{logs.name}"]\n[[stage]]\nuse = "moderate"\nengine = "vllm"\n'
        f'model = "{instruct}"\nmax_model_len = 2048\neager = true\ndtype = "float32"\nwindow = 0\n'
        'policy = "short.txt"\n'
    )
    root = tmp_path / "run"
    command = [
        sys.executable,
        "-c",
        "from chatlog.cli.main import main; main()",
        "run",
        str(recipe),
        "--out",
        str(root),
    ]
    command += ["--workers", "1"]
    begun = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    piece = root / "moderate" / "part-00000.work" / "piece-00000.arrow"
    ends = time.monotonic() + 400
    while not piece.exists():
        assert begun.poll() is None and time.monotonic() < ends, "no piece was finished"
        time.sleep(0.2)
    workers = [each.pid for each in psutil.Process(begun.pid).children(recursive=True)]
    os.kill(begun.pid, signal.SIGKILL)
    begun.wait()
    # What it had started ends with it, and gives the memory back.
    psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], timeout=30)
    assert not [pid for pid in workers if psutil.pid_exists(pid)]
    assert not (root / "moderate" / "part-00000.json").exists()

    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sidecar = json.loads((root / "moderate" / "part-00000.json").read_text())
    assert sidecar["rows"] == 1400 and sidecar["failed"] == 0
    # The finished piece was not asked again.
    assert 0 < sidecar["counts"]["prompts"] <= 400
    assert 0 < sidecar["counts"]["cached_tokens"] < sidecar["counts"]["prompt_tokens"]
