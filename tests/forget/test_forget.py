from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.engine.run import ingest_counts
from chatlog.engine.status import status
from chatlog.engine.store import Run
from chatlog.engine.tombstones import FILE, SHARED, Tombstones
from chatlog.engine.userkey import UserKey, user_key
from chatlog.errors import ConfigError, DataError
from chatlog.forget import forget
from chatlog.release.export import export
from chatlog.release.published import Published, record_published
from tests.conftest import conversation, recipe, write_jsonl
from tests.release.small import ran

STAGES = ["fingerprint", "dedup", {"use": "language", "where": "kept"}]


def _said(number: int, user: str, **more: Any) -> dict[str, Any]:
    return {**conversation(number), "user": user, **more}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two files of 20 conversations by four users, two of them rejects."""
    for name, first in (("a", 0), ("b", 20)):
        records: list[Any] = [_said(number, f"user-{number % 4}@example.org") for number in range(first, first + 20)]
        records.append({"id": f"broken-{name}", "user": "user-1@example.org", "messages": "no list"})
        write_jsonl(tmp_path / "logs" / f"{name}.jsonl", records)
    return tmp_path / "logs"


def _everything(folder: Path) -> bytes:
    """All values of a run folder, decompressed."""
    texts = [json.dumps(pq.read_table(path).to_pylist(), default=str) for path in sorted(folder.rglob("*.parquet"))]
    others = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".parquet"]
    return b"\n".join([*(text.encode() for text in texts), *others])


def _column(folder: Path, stage: str, column: str) -> list[Any]:
    return [
        value
        for path in sorted((folder / stage).glob("part-*.parquet"))
        for value in pq.read_table(path)[column].to_pylist()
    ]


def test_a_conversation_is_gone_from_every_file_and_does_not_come_back(tmp_path: Path, logs: Path) -> None:
    pipeline = recipe([logs], STAGES)
    folder = tmp_path / "run"
    run(pipeline, folder)
    said = conversation(7)["messages"][0]["content"]
    assert said.encode() in _everything(folder) and b'"c7"' in _everything(folder)
    told = forget(folder, ["c7"])
    assert told.removed.rows == 1 and told.removed.shards == {"ingest": 1, "fingerprint": 1, "dedup": 1, "language": 1}
    assert told.sources == {"a.jsonl": 1} and told.unknown == []
    assert said.encode() not in _everything(folder) and b'"c7"' not in _everything(folder)
    made = run(pipeline, folder)
    assert made.made == {"ingest": 0, "fingerprint": 0, "dedup": 2, "language": 0}
    assert made.counts == {"read": 42, "records": 42, "rows": 39, "rejects": 2, "forgotten": 1}
    # The same logs in the same folder from the start, and in the folder of another run.
    shutil.rmtree(folder / "ingest")
    assert run(pipeline, folder).counts["rows"] == 39
    assert said.encode() not in _everything(folder)


def test_a_folder_is_as_if_the_logs_were_read_with_the_tombstones(tmp_path: Path, logs: Path) -> None:
    pipeline = recipe([logs], STAGES)
    run(pipeline, tmp_path / "run")
    forget(tmp_path / "run", ["c7", "c30"], user_ids=["user-1@example.org"])
    run(pipeline, tmp_path / "run")
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "run" / FILE, tmp_path / "shared.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SHARED, str(tmp_path / "shared.json"))
        again = run(pipeline, tmp_path / "again2")
    for path in sorted((tmp_path / "run").rglob("*.parquet")):
        other = tmp_path / "again2" / path.relative_to(tmp_path / "run")
        assert pq.read_table(path).equals(pq.read_table(other)), path
    assert again.counts == ingest_counts(Run(tmp_path / "run"), 2)
    assert again.counts["forgotten"] == 14 and again.counts["rejects"] == 0


def test_all_of_a_user_goes_with_what_could_not_be_read(tmp_path: Path, logs: Path) -> None:
    folder = tmp_path / "run"
    run(recipe([logs], STAGES), folder)
    key = user_key(Run(folder)).of_user("user-1@example.org")
    assert forget(folder, users=[key], dry_run=True).removed.rows == 10
    assert b"user-1@example.org" in _everything(folder)  # in the rejects, which are kept as logged
    told = forget(folder, users=[key])
    assert told.removed.rows == 10 and told.removed.rejects == 2
    left = _everything(folder)
    assert b"user-1@example.org" not in left and key.encode() not in left and b"broken-a" not in left
    assert b"user-2" not in left  # never staged in the clear
    assert len(pq.read_table(folder / "ingest" / "part-00000.parquet")) == 15


def test_a_duplicate_of_what_is_gone_is_kept_in_its_place(tmp_path: Path) -> None:
    first, again = _said(1, "ann"), _said(1, "bob", id="other")
    for number, record in enumerate((first, again)):
        write_jsonl(tmp_path / "logs" / f"{number}.jsonl", [record, _said(number + 5, "eve")])
    pipeline = recipe([tmp_path / "logs"], STAGES)
    run(pipeline, tmp_path / "run")
    kept = _column(tmp_path / "run", "dedup", "kept")
    assert kept.count(False) == 1
    winner = "c1" if kept[0] else "other"
    assert forget(tmp_path / "run", [winner]).removed.rows == 1
    made = run(pipeline, tmp_path / "run").made
    assert made["language"] == 1  # the shard of the one that is kept now, and no other
    assert _column(tmp_path / "run", "dedup", "kept") == [True, True, True]
    assert _column(tmp_path / "run", "dedup", "duplicate_of") == [None, None, None]
    assert None not in _column(tmp_path / "run", "language", "language_code")


def test_copies_of_a_conversation_by_the_same_user_go_with_it(tmp_path: Path) -> None:
    records = [_said(1, "ann"), _said(1, "ann", id="copy"), _said(1, "bob", id="another's"), _said(2, "ann")]
    write_jsonl(tmp_path / "logs.jsonl", records)
    run(recipe([tmp_path / "logs.jsonl"], STAGES), tmp_path / "run")
    assert forget(tmp_path / "run", ["c1"]).removed.rows == 2
    left = pq.read_table(tmp_path / "run" / "ingest" / "part-00000.parquet")
    assert left["conversation_id"].to_pylist() == ["another's", "c2"]


def test_what_was_interrupted_is_ended_by_the_next_run(tmp_path: Path, logs: Path) -> None:
    pipeline = recipe([logs], STAGES)
    folder = tmp_path / "run"
    run(pipeline, folder)
    said = conversation(31)["messages"][0]["content"].encode()
    # The first part that is written anew cannot be: a folder lies where this process writes it.
    blocked = folder / "dedup" / f".tmp-{os.getpid()}-part-00001.parquet"
    blocked.mkdir()
    with pytest.raises((DataError, OSError)):
        forget(folder, ["c31"])
    blocked.rmdir()
    assert said in _everything(folder)
    run(pipeline, folder)
    assert said not in _everything(folder) and ingest_counts(Run(folder), 2)["forgotten"] == 1
    assert all(not stage.left for stage in status(folder))


@pytest.mark.parametrize("stage", ["ingest", "language", "rejects"])
def test_a_damaged_part_is_removed_and_made_again(tmp_path: Path, logs: Path, stage: str) -> None:
    pipeline = recipe([logs], STAGES)
    folder = tmp_path / "run"
    run(pipeline, folder)
    (folder / stage / "part-00000.parquet").write_bytes(b"PAR1 no more")
    forget(folder, ["c7"])
    run(pipeline, folder)
    counts = ingest_counts(Run(folder), 2)
    assert (counts["rows"], counts["rejects"], counts["forgotten"]) == (39, 2, 1)
    assert conversation(7)["messages"][0]["content"].encode() not in _everything(folder)


def test_the_tombstones_tell_nobody(tmp_path: Path, logs: Path) -> None:
    folder = tmp_path / "run"
    run(recipe([logs], STAGES), folder)
    key = user_key(Run(folder)).of_user("user-2@example.org")
    forget(folder, ["c7"], [key], ["user-3@example.org"])
    told = (folder / FILE).read_bytes()
    assert all(name not in told for name in (b"c7", key.encode(), b"user-"))
    assert (folder / FILE).stat().st_mode & 0o077 == 0


def test_a_name_that_is_no_user_key_is_refused(tmp_path: Path, logs: Path) -> None:
    folder = tmp_path / "run"
    run(recipe([logs], STAGES), folder)
    with pytest.raises(ConfigError, match="32 hexadecimal digits"):
        forget(folder, users=["user-2@example.org"])
    told = forget(folder, ["nobody's"])
    assert told.removed.rows == 0 and told.unknown == ["nobody's"]


def test_published_revisions_that_hold_it_still_are_listed(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "logs.jsonl", [conversation(number) for number in range(12)] + [conversation(1)])
    folder = ran([tmp_path / "logs.jsonl"], tmp_path / "run")
    export(folder, tmp_path / "out")
    entry = Published("hub", "lab/chats", "https://hub.test", "main", "0123abc", "v1", "d1", "p1")
    record_published(folder, tmp_path / "out", entry)
    write_jsonl(tmp_path / "more.jsonl", [conversation(50)])
    ran([tmp_path / "logs.jsonl", tmp_path / "more.jsonl"], folder)
    assert forget(folder, ["c50"]).revisions == []
    for name in ("c3", "c4"):
        (told,) = forget(folder, [name]).revisions
        assert told["conversations"] == 1 and told["target"] == "lab/chats" and told["commit"] == "0123abc"


@pytest.mark.parametrize(
    ("raw", "held"),
    [
        (b'{"id": 12, "messages": 3}', True),
        (b'{"id": "12", "messages"', True),
        (b"{'conversation_id': 12, \"conversation_id\": 12", True),
        (b'{"id": "4", "turns": 12, "text": "12 eggs"}', False),
        (b'{"id": "4", "user": "ann"}', True),
        (b'{"id": "4", "text": "ann of 12"}', False),
        (b'{"ip": "10.0.0.7"}', True),
        (b"2024-01-01 from 192.168.77.12 said hello", True),
        (b'{"text": "it was 192.168.77.12, who"}', True),
        (b'{"id": "caf\\u00e9-au-lait"', True),
        (b"", False),
        (b"\xff\xfe\x00", False),
    ],
)
def test_a_record_that_cannot_be_read_is_known_by_its_ids(raw: bytes, held: bool) -> None:
    key = UserKey(b"a key for tests alone")
    users = [key.of_user(user) for user in ("ann", "10.0.0.7", "192.168.77.12")]
    assert Tombstones(key).with_more(["12", "café-au-lait"], users).hold_any_of(raw) is held
