from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatlog.browse.api import Api, NotFoundError, open_api
from chatlog.browse.labelling import LabelFile
from chatlog.errors import ConfigError, DataError
from chatlog.moderation.labels import read_labels
from chatlog.moderation.reading import judged_run
from chatlog.moderation.sample import sample
from tests.moderation.scored import chat, moderated


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [
        chat(number, "m", f"question {number} hate={number / 40:.3f}", f"answer {number} ü", f"more {number}")
        for number in range(40)
    ]
    return moderated(tmp_path_factory.mktemp("labelling"), records, shard_rows=15)


@pytest.fixture
def path(folder: Path, tmp_path: Path) -> Path:
    sample(judged_run(folder), 30, tmp_path / "sample.jsonl")
    return tmp_path / "sample.jsonl"


@pytest.fixture
def api(folder: Path, path: Path) -> Iterator[Api]:
    with open_api(folder, labels=path) as opened:
        yield opened


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_labels_are_written_where_moderation_reads_them(api: Api, path: Path) -> None:
    path.chmod(0o644)
    before = path.read_bytes().splitlines()
    ids = [row["id"] for row in rows(path)]
    assert api.post("labels", {"id": ids[3], "label": True})["counts"] == {"messages": 30, "labelled": 1, "flagged": 1}
    assert api.post("labels", {"id": ids[0], "label": False})["next"] == 1
    assert api.post("labels", {"id": ids[29], "label": False})["next"] == 1
    found, empty = read_labels(path)
    assert {id_: label.flagged for id_, label in found.items()} == {ids[0]: False, ids[3]: True, ids[29]: False}
    assert empty == 27 and stat.S_IMODE(path.stat().st_mode) == 0o600
    after = path.read_bytes().splitlines()
    assert [place for place in range(30) if after[place] != before[place]] == [0, 3, 29]
    assert rows(path)[3] == json.loads(before[3]) | {"label": True}
    api.post("labels", {"id": ids[3], "label": None})
    assert api.get("run", {})["labels"] == {"messages": 30, "labelled": 2, "flagged": 0}
    assert path.read_bytes().splitlines()[3] == before[3]
    assert [item.name for item in path.parent.iterdir()] == ["sample.jsonl"]


def test_a_message_is_told_without_its_score(api: Api, path: Path) -> None:
    item = api.get("labels", {"place": ["4"]})
    row = rows(path)[4]
    assert (item["message"], item["id"], item["label"], item["role"]) == (row["message"], row["id"], None, row["role"])
    assert [turn["content"] for turn in item["context"]] == [turn["content"] for turn in row["context"]]
    assert "design" not in item and "score" not in json.dumps(item)


def test_the_next_is_one_without_a_label(api: Api, path: Path) -> None:
    ids = [row["id"] for row in rows(path)]
    assert api.get("labels", {})["place"] == 0
    for place in (0, 1, 3):
        api.post("labels", {"id": ids[place], "label": True})
    assert api.get("labels", {})["place"] == 2
    assert api.post("labels", {"id": ids[2], "label": True})["next"] == 4
    for id_ in ids:
        told = api.post("labels", {"id": id_, "label": False})
    assert told["next"] is None and told["counts"] == {"messages": 30, "labelled": 30, "flagged": 0}
    assert api.get("labels", {})["next"] is None


def test_a_verdict_is_hidden_until_its_message_is_labelled(api: Api, path: Path) -> None:
    id_ = rows(path)[0]["id"]
    _, row_id, position = id_.split("-")

    def listed() -> Any:
        items = api.get("search", {})["items"]
        (flag,) = [item["f_flagged"] for item in items if item["row_id"] == int(row_id)]
        return flag

    def told() -> tuple[dict[str, Any], list[str]]:
        found = api.get(f"conversation/{row_id}", {})
        return found["shown"][int(position)], [fact["name"] for fact in found["facts"]]

    message, facts = told()
    assert message["verdict"] == {"hidden": True} and message["sampled"] == 0 and "moderation" not in facts
    assert listed() is None
    for row in rows(path):
        if row["id"].split("-")[1] == row_id:
            api.post("labels", {"id": row["id"], "label": True})
    message, facts = told()
    assert message["verdict"]["status"] == "ok" and "moderation" in facts
    assert listed() in ("flagged", "not flagged")


def test_what_an_editor_changes_meanwhile_is_kept(api: Api, path: Path) -> None:
    told = rows(path)
    told[5] |= {"label": "yes", "note": "by hand"}
    path.write_text("".join(json.dumps(row) + "\n" for row in told))
    assert api.get("labels", {"place": ["5"]})["label"] is True
    api.post("labels", {"id": told[7]["id"], "label": False})
    assert rows(path)[5] == told[5] and rows(path)[7]["label"] is False
    path.unlink()
    with pytest.raises(DataError, match="cannot read"):
        api.get("labels", {})


@pytest.mark.parametrize("ending", ["\r\n", "\n\n", ""])
def test_lines_end_as_they_end(folder: Path, path: Path, ending: str) -> None:
    lines = path.read_bytes().splitlines()[:3]
    path.write_bytes(ending.encode().join(lines[: len(lines) if ending else 1]))
    labels = LabelFile(path, judged_run(folder))
    first = labels.item(0)["id"]
    labels.mark(first, True)
    assert LabelFile(path, judged_run(folder)).item(0)["label"] is True
    expected = ending.encode().join(lines[1:]) if ending else b""
    assert path.read_bytes().endswith(expected)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"id": "x"},
        {"id": 1, "label": True},
        {"id": "x", "label": 1},
        {"id": "x", "label": "true"},
        {"id": "x", "label": True, "more": 1},
        {"id": "no such", "label": True},
    ],
)
def test_wrong_labels_change_nothing(api: Api, path: Path, body: Any) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        api.post("labels", body)
    with pytest.raises(NotFoundError):
        api.post("run", body)
    assert path.read_bytes() == before


def test_files_that_are_no_sample_of_the_run_are_refused(folder: Path, path: Path, tmp_path: Path) -> None:
    run = judged_run(folder)
    with pytest.raises(ConfigError, match="there is no file"):
        LabelFile(tmp_path / "none", run)
    line = rows(path)[0]
    for wrong, kind, why in (
        ({"id": "0" * 12 + "-0-0"}, ConfigError, "not of this run"),
        ({"id": "nonsense"}, ConfigError, "not of this run"),
        ({"label": "perhaps"}, DataError, "should be true"),
        ({"design": "x"}, DataError, "expected a line of"),
    ):
        path.write_text(json.dumps(line | wrong) + "\n")
        with pytest.raises(kind, match=why):
            LabelFile(path, run)
    path.write_text(json.dumps(line) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(DataError, match="stands twice"):
        LabelFile(path, run)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="holds no messages"):
        LabelFile(path, run)


def test_a_link_stays_a_link(folder: Path, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    labels = LabelFile(link, judged_run(folder))
    labels.mark(labels.item(0)["id"], True)
    assert link.is_symlink() and rows(path)[0]["label"] is True
