"""`chatlog push --repo`: the real huggingface_hub against a Hub on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog.errors import DataError, ReleaseRefused, RemoteError
from chatlog.query import connect
from chatlog.release import hub as pushing
from chatlog.release.checksums import write_checksums
from chatlog.release.export import export
from chatlog.release.hub import push
from chatlog.release.hub_client import Hub
from chatlog.release.published import holding, published
from chatlog.release.remote import push as push_to
from chatlog.release.sealed import Push
from tests.conftest import ROOT
from tests.release.hub_server import Fault, HubServer
from tests.release.hub_store import Repo
from tests.release.publishing import LARGE, REPO, SMALL, TOKEN, hub, release_in, sums, with_other_noise

__all__ = ["hub"]

# huggingface_hub gives httpx2 the body under a name of old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def release(curated: Path, tmp_path: Path) -> Path:
    return release_in(tmp_path / "release", curated, [SMALL, SMALL, SMALL])


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def states(made: Push) -> dict[str, str]:
    return {item.name: item.state for item in made.items}


def held(repo: Repo, revision: str = "main") -> set[str]:
    return set(repo.files(revision)) - {".gitattributes"}


def test_a_release_is_sent_whole_and_downloads_with_equal_checksums(
    hub: HubServer, curated: Path, tmp_path: Path
) -> None:
    folder = release_in(tmp_path / "release", curated, [SMALL, LARGE])
    made = push(folder, REPO, execute=True)
    repo = hub.repos[REPO]
    assert made.executed and made.commit == repo.branches["main"] == repo.tags[made.release]
    assert len(repo.commits) == 2, "the branch should go to the release in one step"
    assert len([seen for seen in hub.seen if "/part/" in seen.path]) == 3, "12 MB go in parts of 5 MB"
    Hub().api.snapshot_download(REPO, repo_type="dataset", revision=made.release, local_dir=tmp_path / "back")
    assert sums(tmp_path / "back") == sums(folder)


def test_a_dry_run_tells_what_would_go_and_writes_nothing(hub: HubServer, release: Path) -> None:
    made = push(release, REPO)
    assert not made.executed and set(states(made).values()) == {"new"}
    assert "would be made" in made.note and made.bytes_to_send == sum(item.size for item in made.items)
    push(release, REPO, execute=True)
    hub.seen.clear()
    name = with_other_noise(release, 1, seed=9)
    assert {key for key, state in states(push(release, REPO)).items() if state == "changed"} == {name, "SHA256SUMS"}
    assert push(release, REPO, revision="next").note.startswith("the branch next is not there")
    assert hub.seen and hub.writes() == []


def test_a_dry_run_does_not_need_the_hub(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    made = push(release, REPO)
    assert set(states(made).values()) == {"not compared"} and "HF_HUB_OFFLINE" in made.note
    with pytest.raises(RemoteError, match="HF_HUB_OFFLINE is set"):
        push(release, REPO, execute=True)


def test_a_second_push_sends_only_the_shard_that_changed(hub: HubServer, release: Path) -> None:
    first = push(release, REPO, execute=True)
    hub.seen.clear()
    name = with_other_noise(release, 1, seed=9)
    second = push(release, REPO, execute=True)
    assert hub.sent() == [sums(release)[name]]
    assert states(second)["README.md"] == "unchanged"
    assert first.release != second.release and {first.release, second.release} == set(hub.repos[REPO].tags)
    hub.seen.clear()
    again = push(release, REPO, execute=True)
    assert again.commit == second.commit and hub.sent() == []
    assert len(hub.repos[REPO].commits) == 3


def test_stale_files_go_in_the_same_commit_and_others_stay(
    hub: HubServer, curated: Path, release: Path, tmp_path: Path
) -> None:
    (release / "more.sql").write_text("SELECT 1")
    write_checksums(release)
    push(release, REPO, execute=True)
    repo = hub.repos[REPO]
    tree = dict(repo.files())
    tree["picture.svg"] = repo.blob(b"<svg/>")
    tree["data/stray.parquet"] = repo.blob(b"left by a push that broke off")
    repo.branches["main"] = repo.commit(tree, repo.branches["main"], "by hand")
    fewer = release_in(tmp_path / "fewer", curated, [SMALL, SMALL], seed=5)
    told = {name for name, state in states(push(fewer, REPO)).items() if state == "deleted"}
    made = push(fewer, REPO, execute=True)
    gone = {f"data/train-0000{shard}-of-00003.parquet" for shard in range(3)} | {"more.sql", "data/stray.parquet"}
    assert told == gone == {name for name, state in states(made).items() if state == "deleted"}
    assert held(repo) == {*sums(fewer), "picture.svg"} and states(made)["picture.svg"] == "kept"
    assert len(repo.commits) == 4


@pytest.mark.usefixtures("no_waits")
def test_a_push_that_was_cut_off_goes_on(hub: HubServer, curated: Path, tmp_path: Path) -> None:
    folder = release_in(tmp_path / "release", curated, [SMALL, SMALL, LARGE])
    hub.faults.append(Fault("PUT", r"/part/3$", after=1000, times=99))
    with pytest.raises(RemoteError, match=r"broke off .*run the same command again"):
        push(folder, REPO, execute=True)
    assert held(hub.repos[REPO]) == set(), "the branch should hold nothing of a push that broke off"
    done = set(hub.repos[REPO].large)
    assert len(done) == 3, "two shards and the lineage"
    hub.faults.clear()
    hub.seen.clear()
    push(folder, REPO, execute=True)
    assert done.isdisjoint(hub.sent()) and held(hub.repos[REPO]) == set(sums(folder))


@pytest.mark.usefixtures("no_waits")
def test_a_connection_cut_once_is_tried_again_by_itself(hub: HubServer, release: Path) -> None:
    hub.faults += [Fault("PUT", "^/lfs/", after=100), Fault("PUT", "^/lfs/", status=503)]
    push(release, REPO, execute=True)
    assert held(hub.repos[REPO]) == set(sums(release)) and not any(fault.times for fault in hub.faults)


@pytest.mark.usefixtures("no_waits")
def test_a_commit_of_somebody_else_in_between_is_seen(hub: HubServer, release: Path) -> None:
    push(release, REPO, execute=True)
    repo = hub.repos[REPO]

    def interfere() -> None:
        tree = {**repo.files(), "data/train-00099.parquet": repo.blob(b"of somebody else")}
        repo.branches["main"] = repo.commit(tree, repo.branches["main"], "by hand")

    with_other_noise(release, 0, seed=7)
    hub.faults.append(Fault("POST", "/objects/batch$", status=503, then=interfere))
    hub.seen.clear()
    made = push(release, REPO, execute=True)
    assert len([seen for seen in hub.seen if "/commit/" in seen.path]) == 2
    assert states(made)["data/train-00099.parquet"] == "deleted" and held(repo) == set(sums(release))
    assert len(hub.sent()) == 1


@pytest.mark.usefixtures("no_waits")
def test_a_branch_that_never_rests_is_an_error(hub: HubServer, release: Path) -> None:
    hub.faults.append(Fault("POST", "/commit/", status=409, times=99))
    with pytest.raises(RemoteError, match="somebody else"):
        push(release, REPO, execute=True)


def test_a_large_release_comes_with_its_checksums_last(
    hub: HubServer, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "COMMIT_FILES", 2)
    monkeypatch.setattr(pushing, "SEND_FILES", 2)
    made = push(release, REPO, execute=True)
    repo = hub.repos[REPO]
    news = [set(tree) for tree in repo.commits.values()]
    steps = [sorted(after - before) for before, after in pairwise(news)]
    assert steps[0] == ["data/train-00000-of-00003.parquet", "data/train-00001-of-00003.parquet"]
    assert all(len(step) <= 2 for step in steps) and len(steps) == -(-len(sums(release)) // 2)
    assert "SHA256SUMS" in steps[-1] and held(repo) == set(sums(release))
    assert repo.tags == {made.release: repo.branches["main"]}


def test_what_does_not_verify_is_refused_before_the_hub_is_asked(hub: HubServer, release: Path) -> None:
    (release / "README.md").write_text("---\na: b\n---\nanother card")
    for execute in (False, True):
        with pytest.raises(ReleaseRefused, match=r"changed: README\.md"):
            push(release, REPO, execute=execute)
    assert hub.seen == []


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
def test_a_file_that_changes_while_it_is_sent_is_not_published(
    hub: HubServer, curated: Path, tmp_path: Path, size: int
) -> None:
    folder = release_in(tmp_path / "release", curated, [size])
    hub.faults.append(
        Fault("POST", "/preupload/", status=503, then=lambda: with_other_noise(folder, 0, seed=3) and None)
    )
    with pytest.raises(DataError, match="changed after the release was verified"):
        push(folder, REPO, execute=True)
    assert held(hub.repos[REPO]) == set() and hub.repos[REPO].tags == {}


def test_private_and_gated_are_set_before_any_data_is_there(hub: HubServer, release: Path) -> None:
    push(release, REPO, private=True, gated="manual", execute=True)
    repo = hub.repos[REPO]
    assert (repo.private, repo.gated) == (True, "manual")
    order = [seen.path for seen in hub.seen if seen.method in ("PUT", "POST")]
    settings = next(at for at, path in enumerate(order) if path.endswith("/settings"))
    assert settings < min(at for at, path in enumerate(order) if path.startswith("/lfs/") or "/commit/" in path)
    push(release, REPO, execute=True)
    assert (repo.private, repo.gated) == (True, "manual"), "what is not asked for stays as it is"
    hub.repos["lab/open"] = Repo("lab/open", private=False)
    push(release, "lab/open", private=True, gated="auto", execute=True)
    assert (hub.repos["lab/open"].private, hub.repos["lab/open"].gated) == (True, "auto")


def test_a_branch_of_its_own_leaves_main_alone(hub: HubServer, release: Path) -> None:
    made = push(release, REPO, revision="v2", execute=True)
    repo = hub.repos[REPO]
    assert held(repo) == set() and held(repo, "v2") == set(sums(release)) and made.revision == "v2"


def test_the_run_remembers_what_was_published(hub: HubServer, curated: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(curated / "run", run)
    folder = release_in(tmp_path / "release", curated, [SMALL, SMALL])
    made = push(folder, REPO, execute=True, run=run)
    (entry,) = published(run)
    assert (entry.target, entry.revision, entry.commit, entry.digest) == (REPO, "main", made.commit, made.digest)
    assert entry.endpoint == hub.url
    push(folder, REPO, execute=True, run=run)
    push(folder, REPO, revision="second", execute=True, run=run)
    assert [known.revision for known in published(run)] == ["main", "second"]
    ids = pq.read_table(folder / "data")["conversation_id"].to_pylist()
    assert holding(run, [*ids[:2], "nobody's"]) == [(known, 2) for known in published(run)]
    assert holding(run, ["nobody's"]) == []
    assert sums(folder).keys() == {*(item.name for item in made.items)}, "nothing is written there"


def test_the_run_remembers_both_sides_of_battles(curated: Path, tmp_path: Path) -> None:
    run, folder = tmp_path / "run", tmp_path / "battles"
    shutil.copytree(curated / "run", run)
    told = export(run, folder, ROOT / "pipelines/arena.toml")
    push_to(folder, f"file://{tmp_path / 'there'}", execute=True, run=run)
    with connect(run) as connection:
        sides = connection.execute("SELECT conversation_id FROM conversations WHERE battle_id IS NOT NULL").fetchall()
    ((entry, count),) = holding(run, [id_ for (id_,) in sides])
    assert entry.kind == "url" and count == told.released >= 2


def run_python(code: str, hub: HubServer, home: Path, *arguments: str, token: str = TOKEN) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    env = {**kept, "HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True, timeout=120
    )


LOAD = """
import sys, datasets
streaming = sys.argv[2] == "True"
rows = datasets.load_dataset(sys.argv[1], split="train", streaming=streaming, revision=sys.argv[3])
print(sum(1 for row in rows if row["conversation"]))
"""


@pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "whole"])
def test_datasets_loads_what_was_pushed(hub: HubServer, release: Path, tmp_path: Path, streaming: bool) -> None:
    pytest.importorskip("datasets")
    made = push(release, REPO, private=True, gated="auto", execute=True)
    ended = run_python(LOAD, hub, tmp_path, REPO, str(streaming), made.release)
    told = json.loads((release / "provenance.json").read_bytes())["counts"]["released"]
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert int(ended.stdout) == told
    hub.tokens["hf_other"] = {"name": "eve", "orgs": [], "role": "read"}
    refused = run_python(LOAD, hub, tmp_path / "b", REPO, str(streaming), "main", token="hf_other")
    assert refused.returncode and REPO in refused.stderr
    assert all(seen.token in ("", TOKEN, "hf_other") for seen in hub.seen)
    assert not [seen for seen in hub.seen if seen.path.startswith("/cdn/") and seen.token]
