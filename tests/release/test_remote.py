"""`chatlog push --to`: a folder, a store in memory, and a real S3 server on loopback (moto's) through s3fs."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import chatlog
from chatlog.errors import ConfigError, DataError, MissingExtra, ReleaseRefused, RemoteError
from chatlog.release.published import published
from chatlog.release.remote import JOURNAL, LATEST, push
from chatlog.release.sealed import Push
from chatlog.release.store import Store
from chatlog.release.verify import verify
from tests.conftest import conversation, recipe, write_jsonl
from tests.release.publishing import LARGE, SMALL, release_in, sums, with_other_noise

# botocore and moto, on one of their own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore", "ignore::DeprecationWarning:moto")

fsspec = pytest.importorskip("fsspec", reason="the extra `hub` or `s3` is not installed")


_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of moto's S3 server."""
    pytest.importorskip("s3fs", reason="the extra `s3` is not installed")
    server = pytest.importorskip("moto.server", reason="moto is not installed").ThreadedMotoServer(
        port=0, verbose=False
    )
    server.start()
    yield "http://127.0.0.1:{1}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a bucket of the test's own."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "aSecretOfTheTest",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{next(_NUMBERS)}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/chats"


@pytest.fixture(params=["file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        return str(request.getfixturevalue("s3"))
    if request.param == "file":
        return f"file://{tmp_path / 'there' / 'chats'}"
    return f"memory://{tmp_path.name}/chats"


@pytest.fixture
def release(curated: Path, tmp_path: Path) -> Path:
    return release_in(tmp_path / "release", curated, [2 << 20, SMALL, 2 << 20])


def states(made: Push) -> dict[str, str]:
    return {item.name.partition("/")[2]: item.state for item in made.items if item.name.startswith(made.release)}


def latest(url: str) -> str:
    return (Store(url).read(LATEST) or b"").decode().strip()


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what is sent, in order; the store itself is the real one."""
    names: list[str] = []
    for method, at in (("send", 1), ("write", 0), ("copy", 1)):
        real = getattr(Store, method)

        def counted(self: Store, *given: Any, real: Any = real, at: int = at) -> None:
            real(self, *given)
            names.append(given[at].partition("/")[2] or given[at])

        monkeypatch.setattr(Store, method, counted)
    return names


def test_a_release_arrives_whole_with_its_checksums_and_latest_last(
    url: str, curated: Path, tmp_path: Path, puts: list[str]
) -> None:
    folder = release_in(tmp_path / "release", curated, [SMALL, LARGE])
    made = push(folder, url, execute=True, read_back=True)
    assert made.executed and made.url == f"{url}/{made.release}" and latest(url) == made.release
    assert puts[-2:] == ["SHA256SUMS", LATEST] and puts[0].startswith("data/")
    back = tmp_path / "back"
    fs, path = fsspec.core.url_to_fs(made.url, skip_instance_cache=True)
    fs.get(path, str(back), recursive=True)
    assert sums(back) == sums(folder) and all(check.ok for check in verify(back))
    assert Store(url).read(f"{made.release}/{JOURNAL}") is None


def test_a_dry_run_writes_nothing(url: str, release: Path, puts: list[str]) -> None:
    made = push(release, url)
    assert not made.executed and set(states(made).values()) == {"new"}
    assert puts == [] and Store(url).sizes() == {}


def test_a_push_that_broke_off_goes_on(
    url: str, release: Path, puts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.send

    def breaks(self: Store, source: Path, name: str) -> None:
        if "00002" in name:
            raise RemoteError("the connection was cut")
        real(self, source, name)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "send", breaks)
        with pytest.raises(RemoteError, match="cut"):
            push(release, url, execute=True)
    assert latest(url) == "" and sorted(puts)[:2] == [JOURNAL, "data/train-00000-of-00003.parquet"]
    puts.clear()
    first, second, third = (f"data/train-0000{shard}-of-00003.parquet" for shard in range(3))
    dry = push(release, url)
    assert {name for name, state in states(dry).items() if state == "unchanged"} == {first, second}
    store = Store(url)
    store.write(f"{dry.release}/{second}", b"\0" * store.sizes()[f"{dry.release}/{second}"])
    puts.clear()
    made = push(release, url, execute=True, read_back=True)
    assert [name for name in puts if name.startswith("data/")] == [second, third]
    puts.clear()
    push(release, url, execute=True)
    assert puts == [LATEST] and latest(url) == made.release


def test_a_file_that_was_touched_there_is_sent_again(
    url: str, release: Path, puts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = push(release, url, execute=True)
    store = Store(url)
    name = f"{made.release}/data/train-00000-of-00003.parquet"
    size = store.sizes()[name]
    store.write(name, b"\0" * size)
    with pytest.raises(RemoteError, match=r"differs from the release in data/train-00000.*LATEST was left"):
        push(release, url, execute=True, read_back=True)
    store.write(name, b"\0" * (size - 1))
    assert states(push(release, url))["data/train-00000-of-00003.parquet"] == "changed"
    push(release, url, execute=True, read_back=True)


def test_the_next_release_stands_beside_the_earlier_and_copies_what_is_the_same(
    url: str, release: Path, tmp_path: Path, curated: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(curated / "run", run)
    first = push(release, url, execute=True)
    name = with_other_noise(release, 1, seed=9)
    told = states(push(release, url))
    assert {key for key, state in told.items() if state == "new"} == {name, "SHA256SUMS"}
    assert {state for key, state in told.items() if key not in (name, "SHA256SUMS")} == {"copied"}
    second = push(release, url, execute=True, read_back=True, run=run)
    assert latest(url) == second.release != first.release
    folders = {path.split("/")[0] for path in Store(url).sizes()}
    assert folders == {first.release, second.release, LATEST}
    with_other_noise(release, 1, seed=10)
    third = push(release, url, execute=True, prune=True, run=run)
    assert {path.split("/")[0] for path in Store(url).sizes()} == {third.release, LATEST}
    assert [entry.target for entry in published(run)] == [f"{url}/{third.release}"]


def test_a_run_that_the_release_is_not_of_is_refused(
    release: Path, curated: Path, tmp_path: Path, puts: list[str]
) -> None:
    run = tmp_path / "run"
    chatlog.run(recipe([write_jsonl(tmp_path / "a.jsonl", [conversation(1)])]), run, workers=1)
    with pytest.raises(ConfigError, match="is no release of"):
        push(release, f"file://{tmp_path / 'there'}", execute=True, run=run)
    assert puts == []


def test_what_is_nobodys_release_stays(url: str, release: Path) -> None:
    store = Store(url)
    store.write("notes/of-mine.txt", b"x")
    made = push(release, url, execute=True, prune=True)
    store.write(f"{made.release}/data/stray.parquet", b"x")
    push(release, url, execute=True, prune=True)
    assert store.read("notes/of-mine.txt") == b"x" and store.read(f"{made.release}/data/stray.parquet") is None


def test_a_release_that_changes_while_it_is_sent_is_not_published(
    url: str, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.send

    def touched(self: Store, source: Path, name: str) -> None:
        real(self, source, name)
        with_other_noise(release, 2, seed=4)

    monkeypatch.setattr(Store, "send", touched)
    with pytest.raises(DataError, match="changed after the release was verified"):
        push(release, url, execute=True)
    assert latest(url) == "" and not [name for name in Store(url).sizes() if name.endswith("SHA256SUMS")]


def test_what_does_not_verify_is_refused(url: str, release: Path, puts: list[str]) -> None:
    told = json.loads((release / "provenance.json").read_bytes())
    told["counts"]["released"] += 1
    (release / "provenance.json").write_text(json.dumps(told))
    with pytest.raises(ReleaseRefused, match="rows in the files"):
        push(release, url, execute=True)
    assert puts == []


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda env: env.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), "does not answer as it should"),
        (lambda env: env.delenv("AWS_ACCESS_KEY_ID"), "found no keys"),
        (lambda env: None, "no such bucket"),
    ],
    ids=["no network", "no keys", "no bucket"],
)
def test_errors_of_a_store_are_one_line(
    s3: str, release: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None], told: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    broken(monkeypatch)
    there = "s3://no-such-bucket/chats" if told == "no such bucket" else s3
    with pytest.raises(RemoteError, match=told) as caught:
        push(release, there, execute=True)
    assert "aSecret" not in str(caught.value) and "\n" not in str(caught.value)
    made = push(release, there)
    assert set(states(made).values()) == {"not compared"} and told in made.note


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ("bucket/path", "should be a URL"),
        ("s3://", "should be a URL"),
        ("simplecache::s3://bucket/path", "one protocol"),
        ("ftp://me:secret@host/path", "holds a name or password"),
        ("hf://datasets/lab/chats", "use --repo"),
        ("nothing://bucket/path", "no URL that fsspec can use"),
    ],
)
def test_what_is_no_url_is_told(release: Path, there: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        push(release, there)
    assert "secret" not in str(caught.value)


def test_a_client_that_is_not_installed_is_named(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(MissingExtra, match="gs://"):
        push(release, "gs://bucket/path")
