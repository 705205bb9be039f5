"""Which files a source's paths name, and what of a folder is left out and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.sources.paths import expand


def labels(paths: list[str], base: Path) -> list[str]:
    return [file.label for file in expand(paths, base)[0]]


def left(paths: list[str], base: Path) -> dict[str, str]:
    return {Path(item.label).name: item.why for item in expand(paths, base)[1]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/x.jsonl", "a/x.json.gz", "a/notes.md", "a/.hidden.jsonl", "a/.git/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_paths_globs_and_folders(folder: Path) -> None:
    assert labels([str(folder)], folder) == ["a/x.json.gz", "b/x.jsonl"]
    assert left([str(folder)], folder) == {"notes.md": "no log by its name"}
    assert labels(["*/x.json*"], folder) == ["a/x.json.gz", "b/x.jsonl"]
    assert labels(["b/x.jsonl", "b"], folder) == ["x.jsonl"]
    assert labels(["a/notes.md"], folder) == ["notes.md"], "a file that is named may have any name"
    for nothing in ("none.jsonl", "c/*.jsonl", "a/*.parquet"):
        with pytest.raises(ConfigError, match="no such file"):
            expand([nothing], folder)


def test_a_file_is_named_by_its_own_path_alone(folder: Path) -> None:
    assert [file.named for file in expand(["b"], folder)[0]] == [False]
    assert [file.named for file in expand(["b", "b/x.jsonl"], folder)[0]] == [True]
    assert [file.named for file in expand(["*/x.jsonl"], folder)[0]] == [False]


def test_a_name_with_the_marks_of_a_glob_is_a_name_when_there_is_such_a_file(tmp_path: Path) -> None:
    (tmp_path / "chat[1].jsonl").write_text("{}")
    (tmp_path / "chat1.jsonl").write_text("{}")
    assert labels(["chat[1].jsonl"], tmp_path) == ["chat[1].jsonl"]


def test_links_to_files_are_followed_and_other_links_are_told(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "real.jsonl").write_text("{}")
    logs = folder / "logs"
    logs.mkdir()
    (logs / "linked.jsonl").symlink_to(folder / "elsewhere" / "real.jsonl")
    (logs / "up").symlink_to(folder)
    (logs / "gone.jsonl").symlink_to(folder / "nowhere.jsonl")
    (logs / "loop.jsonl").symlink_to(logs / "loop.jsonl")
    assert labels(["logs"], folder) == ["linked.jsonl"]
    nowhere = "a link that leads nowhere"
    told = {"up": "a link to a folder", "gone.jsonl": nowhere, "loop.jsonl": nowhere}
    assert left(["logs"], folder) == told
    assert labels(["logs/up/b"], folder) == ["x.jsonl"], "a folder that is named itself may be a link"


def test_pipes_are_left_out_of_folders_and_refused_by_name(folder: Path) -> None:
    os.mkfifo(folder / "b" / "pipe.jsonl")
    assert labels(["b"], folder) == ["x.jsonl"]
    assert left(["b"], folder) == {"pipe.jsonl": "no regular file"}
    for special in ("b/pipe.jsonl", "/dev/zero"):
        with pytest.raises(DataError, match="not a regular file"):
            expand([special], folder)


def test_a_run_folder_among_the_logs_is_no_log(folder: Path) -> None:
    (folder / "b" / "run").mkdir()
    for name in ("run.json", ".lock", "ingest.json"):
        (folder / "b" / "run" / name).write_text("{}")
    assert labels(["b"], folder) == ["x.jsonl"]
    assert left(["b"], folder) == {"run": "a run folder"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error(folder: Path) -> None:
    (folder / "b").chmod(0)
    try:
        with pytest.raises(DataError, match="cannot read the folder"):
            expand([str(folder)], folder)
    finally:
        (folder / "b").chmod(0o700)
