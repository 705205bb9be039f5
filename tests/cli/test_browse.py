"""`chatlog browse` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.test_cli import chatlog
from tests.moderation.scored import chat, moderated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [chat(number, "m", f"text {number} hate={number / 10:.2f}", "fine") for number in range(8)]
    return moderated(tmp_path_factory.mktemp("browse"), records)


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "chatlog.cli.main", "browse", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    return told


def test_it_serves_until_it_is_interrupted(folder: Path) -> None:
    process = start(folder, "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("8 conversations: http://127.0.0.1:")
    link = line.split()[2]
    with urllib.request.urlopen(link, timeout=30) as answer:
        assert b"<title>chatlog browse</title>" in answer.read()
    _, err = end(process)
    assert err == "reading the run ...\nended\n"


def test_a_sample_is_drawn_where_there_is_none(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    for _ in range(2):  # the second time it is there
        process = start(folder, "--port", "0", "--labels", labels, "--sample", "5", "--json")
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(5))
        told = json.loads(text)
        assert told["rows"] == 8 and told["link"].startswith("http://127.0.0.1:")
        out, err = end(process)
        assert (out, err) == ("", "ended\n")
    assert len(labels.read_text().splitlines()) == 5 and stat.S_IMODE(labels.stat().st_mode) == 0o600


def test_others_on_the_network_are_warned_of(folder: Path) -> None:
    process = start(folder, "--host", "0.0.0.0", "--port", "0")
    assert process.stdout is not None
    assert socket.gethostname() in process.stdout.readline()
    assert "not encrypted; safer: ssh -L" in end(process)[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--labels", "none.jsonl"), "there is no file none.jsonl; draw a sample"),
        (("--sample", "5"), "--sample needs --labels"),
        (("--host", "no.such.host.invalid"), "unknown host"),
        (("--labels", os.devnull), "there is no file"),
    ],
)
def test_wrong_usage_is_told_in_one_line(folder: Path, words: tuple[str, ...], why: str) -> None:
    done = chatlog("browse", folder, "--port", "0", *words)
    assert done.returncode == 1 and why in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_what_is_no_run_and_a_port_in_use_are_told(folder: Path, tmp_path: Path) -> None:
    assert "is not a run folder" in chatlog("browse", tmp_path).stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = chatlog("browse", folder, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1 and "it is in use; give another --port" in done.stderr
