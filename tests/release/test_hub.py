"""`chatlog push --repo`: the real huggingface_hub against a Hub on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chatlog.release.hub import push
from tests.release.hub_server import Fault, HubServer
from tests.release.publishing import LARGE, REPO, SMALL, hub, release_in, sums, with_other_noise

__all__ = ["hub"]

# huggingface_hub gives httpx2 the body under a name of old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def release(curated: Path, tmp_path: Path) -> Path:
    return release_in(tmp_path / "release", curated, [SMALL, SMALL, SMALL])


def test_a_release_is_sent_whole_and_downloads_with_equal_checksums(
    hub: HubServer, curated: Path, tmp_path: Path
) -> None:
    from huggingface_hub import snapshot_download

    folder = release_in(tmp_path / "release", curated, [SMALL, LARGE])
    made = push(folder, REPO, execute=True)
    repo = hub.repos[REPO]
    assert made.executed and made.commit == repo.branches["main"] == repo.tags[made.release]
    assert len(repo.commits) == 2, "the branch should go to the release in one step"
    parts = [seen.path for seen in hub.seen if "/part/" in seen.path]
    assert len(parts) == 3, "12 MB go in parts of 5 MB"
    snapshot_download(REPO, repo_type="dataset", revision=made.release, local_dir=tmp_path / "back")
    assert sums(tmp_path / "back") == sums(folder)
