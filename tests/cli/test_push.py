"""`chatlog push` as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.release.hub_server import HubServer
from tests.release.publishing import REPO, SMALL, TOKEN, hub, release_in

__all__ = ["hub"]


@pytest.fixture
def release(curated: Path, tmp_path: Path) -> Path:
    return release_in(tmp_path / "release", curated, [SMALL, SMALL])


def chatlog(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatlog.cli.main", "push", *map(str, words)]
    # As a user's shell has it: the fixture has set the token and the address of the Hub.
    env = {**os.environ, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", **more}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def test_a_dry_run_then_the_same_with_execute(hub: HubServer, release: Path, tmp_path: Path) -> None:
    dry = chatlog(release, "--repo", REPO, "--private")
    assert dry.returncode == 0 and hub.writes() == []
    assert "data/train-00001-of-00002.parquet" in dry.stdout and "add --execute" in dry.stderr
    done = chatlog(release, "--repo", REPO, "--private", "--gated", "--approval", "manual", "--execute")
    assert done.returncode == 0, done.stderr
    repo = hub.repos[REPO]
    assert repo.private and repo.gated == "manual" and repo.branches["main"] in done.stdout
    told = json.loads(chatlog(release, "--repo", REPO, "--json", "--execute").stdout)
    assert (told["commit"], told["executed"], told["bytes_to_send"]) == (repo.branches["main"], True, 0)
    assert {item["state"] for item in told["items"]} == {"unchanged"}


def test_the_token_is_in_no_output(hub: HubServer, release: Path) -> None:
    more = {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"}
    done = chatlog(release, "--repo", REPO, "--execute", **more)
    assert done.returncode == 0 and "/commit/" in done.stderr, "the client should tell all that it does"
    assert TOKEN not in done.stdout + done.stderr
    hub.tokens.clear()
    refused = chatlog(release, "--repo", REPO, "--execute", "--json", **more)
    assert refused.returncode == 1 and TOKEN not in refused.stdout + refused.stderr
    assert json.loads(refused.stdout)["error"]["kind"] == "RemoteError"


def test_to_a_folder(release: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'there'}"
    dry = chatlog(release, "--to", url)
    assert dry.returncode == 0 and not (tmp_path / "there").exists()
    told = json.loads(chatlog(release, "--to", url, "--execute", "--read-back", "--json").stdout)
    assert (tmp_path / "there" / "LATEST").read_text().strip() == told["release"]
    assert told["url"] == f"{url}/{told['release']}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "either --repo ORG/NAME or --to URL"),
        (["--repo", REPO, "--to", "file:///tmp/x"], "either --repo ORG/NAME or --to URL"),
        (["--repo", REPO, "--approval", "manual"], "belongs to --gated"),
        (["--repo", REPO, "--prune"], "belong to --to"),
        (["--to", "file:///tmp/x", "--private"], "belong to --repo"),
    ],
)
def test_options_that_do_not_go_together(release: Path, words: list[str], told: str) -> None:
    done = chatlog(release, *words)
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr


def test_help_loads_no_client() -> None:
    code = (
        "import sys, chatlog.cli.main; "
        "print([m for m in ('huggingface_hub', 'fsspec', 'httpx2', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
