"""What `chatlog push --repo` says when the Hub refuses, does not answer, or does not know who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatlog.errors import ConfigError, RemoteError
from chatlog.release.hub import push
from tests.release.hub_server import Fault, HubServer
from tests.release.publishing import REPO, SMALL, TOKEN, hub, release_in

__all__ = ["hub"]

# huggingface_hub gives httpx2 the body under a name of old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def release(curated: Path, tmp_path: Path) -> Path:
    return release_in(tmp_path / "release", curated, [SMALL, SMALL])


@pytest.mark.parametrize(
    ("setup", "told"),
    [
        (lambda hub, env: env.setenv("HF_TOKEN", "hf_anotherSecret"), r"does not know the token \(401\)"),
        (lambda hub, env: hub.tokens[TOKEN].update(role="read"), r"may not do this to lab/chats \(403\)"),
        (lambda hub, env: hub.tokens[TOKEN].update(orgs=[]), r"may not do this to lab/chats \(403\)"),
        (lambda hub, env: hub.faults.append(Fault("POST", "/commit/", 404)), r"is not there.*\(404\)"),
        (lambda hub, env: hub.faults.append(Fault("POST", "/commit/", 429)), r"no more requests for now \(429\)"),
        (lambda hub, env: hub.faults.append(Fault("POST", "/commit/", 500)), r"the Hub fails \(500\)"),
        (lambda hub, env: hub.faults.append(Fault("POST", "/commit/", 0)), "cannot reach http://127"),
        (lambda hub, env: env.setenv("HF_ENDPOINT", "http://127.0.0.1:9"), r"cannot reach http://127.0.0.1:9"),
    ],
    ids=["token", "read only", "not of the organisation", "404", "429", "500", "cut", "no network"],
)
def test_errors_are_one_clear_line_without_the_token(
    hub: HubServer, release: Path, monkeypatch: pytest.MonkeyPatch, setup: Any, told: str
) -> None:
    setup(hub, monkeypatch)
    with pytest.raises(RemoteError, match=told) as caught:
        push(release, REPO, execute=True)
    assert TOKEN not in str(caught.value) and "Secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_without_a_token_nothing_is_sent(
    hub: HubServer, release: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(RemoteError, match="HF_TOKEN, or log in with: hf auth login"):
        push(release, REPO, execute=True)
    assert hub.seen == [] and "no token" in push(release, REPO).note
    (tmp_path / "token").write_text(TOKEN)
    assert push(release, REPO, execute=True).commit == hub.repos[REPO].branches["main"]


@pytest.mark.parametrize("repo", ["chats", "a/b/c", "lab/", "la b/chats", "lab/ch..ats"])
def test_a_name_that_is_none_is_told(hub: HubServer, release: Path, repo: str) -> None:
    with pytest.raises(ConfigError, match="ORG/NAME"):
        push(release, repo)
