from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.engine.events import Event, ShardDone
from chatlog.engine.status import status
from chatlog.errors import ConfigError, ContractError, DataError
from tests.conftest import ROOT, conversation, parts, recipe, write_jsonl


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "logs" / "a.jsonl", [conversation(number) for number in range(50)])


def test_a_run_accounts_for_every_record_and_is_private(tmp_path: Path, logs: Path) -> None:
    logs.write_text(logs.read_text() + '{"no": "messages"}\nnot json\n\n{"messages": 7}\n')
    summary = run(recipe([logs], shard_rows=20), tmp_path / "run", workers=1)
    assert summary.counts == {"read": 53, "records": 53, "rows": 50, "rejects": 3, "forgotten": 0}
    assert summary.shards == 3
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700
    rejects = [
        row
        for shard in range(3)
        for row in pq.read_table(tmp_path / "run" / "rejects" / f"part-{shard:05d}.parquet").to_pylist()
    ]
    assert [reject["record"] for reject in rejects] == [50, 51, 52]
    assert [reject["raw"] for reject in rejects] == [b'{"no": "messages"}', b"not json", b'{"messages": 7}']
    text = logs.read_bytes()
    assert all(text[reject["byte_offset"] :].startswith(reject["raw"]) for reject in rejects)


def test_rows_have_the_key_of_their_shard_and_position(tmp_path: Path, logs: Path) -> None:
    run(recipe([logs], shard_rows=20), tmp_path / "run", workers=1)
    keys = [
        pq.read_table(tmp_path / "run" / "dedup" / f"part-0000{shard}.parquet")["row_id"].to_pylist()
        for shard in range(3)
    ]
    assert keys == [[shard << 32 | position for position in range(size)] for shard, size in enumerate((20, 20, 10))]


def test_a_second_run_makes_nothing_and_a_changed_setting_only_what_depends_on_it(tmp_path: Path, logs: Path) -> None:
    stages = ["fingerprint", "dedup", "language"]
    run(recipe([logs], stages), tmp_path / "run", workers=1)
    again = run(recipe([logs], stages), tmp_path / "run", workers=1)
    assert set(again.made.values()) == {0}
    changed = run(
        recipe([logs], ["fingerprint", {"use": "dedup", "threshold": 0.7}, "language"]), tmp_path / "run", workers=1
    )
    assert dict(changed.made) == {"ingest": 0, "fingerprint": 0, "dedup": 1, "language": 0}
    deeper = run(
        recipe([logs], [{"use": "fingerprint", "shingle": 4}, {"use": "dedup", "threshold": 0.7}, "language"]),
        tmp_path / "run",
        workers=1,
    )
    assert dict(deeper.made) == {"ingest": 0, "fingerprint": 1, "dedup": 1, "language": 0}


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, logs: Path) -> None:
    stages = ["fingerprint", "dedup", {"use": "language", "where": "kept"}]
    run(recipe([logs], stages, shard_rows=9), tmp_path / "one", workers=1)
    run(recipe([logs], stages, shard_rows=9), tmp_path / "three", workers=3)
    assert parts(tmp_path / "one") == parts(tmp_path / "three")
    assert len(parts(tmp_path / "one")) == 6 * len(("ingest", "rejects", *stages))


def test_where_gives_a_stage_only_the_picked_rows(tmp_path: Path) -> None:
    records = [conversation(number % 5) | {"id": f"x{number}"} for number in range(20)]
    logs = write_jsonl(tmp_path / "a.jsonl", records)
    run(recipe([logs], ["fingerprint", "dedup", {"use": "language", "where": "kept"}]), tmp_path / "run", workers=1)
    kept = pq.read_table(tmp_path / "run" / "dedup" / "part-00000.parquet")["kept"].to_pylist()
    languages = pq.read_table(tmp_path / "run" / "language" / "part-00000.parquet")["language"].to_pylist()
    assert sum(kept) == 5
    assert [language is not None for language in languages] == kept


def test_new_files_come_after_the_old_ones_and_old_shards_are_kept(tmp_path: Path, logs: Path) -> None:
    run(recipe([logs.parent]), tmp_path / "run", workers=1)
    before = parts(tmp_path / "run")
    write_jsonl(logs.parent / "0-sorts-first.jsonl", [conversation(number) for number in range(100, 110)])
    summary = run(recipe([logs.parent]), tmp_path / "run", workers=1)
    assert dict(summary.made) == {"ingest": 1, "fingerprint": 1, "dedup": 2}
    after = parts(tmp_path / "run")
    assert {name: after[name] for name in before if not name.startswith("dedup")} == {
        name: data for name, data in before.items() if not name.startswith("dedup")
    }


def test_a_changed_file_reruns_its_shard_alone(tmp_path: Path, logs: Path) -> None:
    other = write_jsonl(logs.parent / "b.jsonl", [conversation(number) for number in range(100, 110)])
    run(recipe([logs.parent], ["fingerprint"]), tmp_path / "run", workers=1)
    write_jsonl(other, [conversation(number) for number in range(200, 210)])
    assert dict(run(recipe([logs.parent], ["fingerprint"]), tmp_path / "run", workers=1).made) == {
        "ingest": 1,
        "fingerprint": 1,
    }


def test_fewer_inputs_leave_nothing_behind(tmp_path: Path, logs: Path) -> None:
    other = write_jsonl(logs.parent / "b.jsonl", [conversation(number) for number in range(100, 110)])
    run(recipe([logs.parent]), tmp_path / "run", workers=1)
    other.unlink()
    summary = run(recipe([logs.parent]), tmp_path / "run", workers=1)
    fresh = run(recipe([logs.parent]), tmp_path / "fresh", workers=1)
    assert summary.counts == fresh.counts
    assert parts(tmp_path / "run") == parts(tmp_path / "fresh")


def test_status_tells_done_stale_and_left(tmp_path: Path, logs: Path) -> None:
    run(recipe([logs], shard_rows=20), tmp_path / "run", workers=1, until="fingerprint")
    found = {stage.stage: (stage.shards, stage.done, stage.stale, stage.left) for stage in status(tmp_path / "run")}
    assert found == {"ingest": (3, 3, 0, 0), "fingerprint": (3, 3, 0, 0), "dedup": (3, 0, 0, 3)}
    sidecar = tmp_path / "run" / "fingerprint" / "part-00001.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"fingerprint": "other"}))
    stage = {stage.stage: stage for stage in status(tmp_path / "run")}["fingerprint"]
    assert (stage.done, stage.stale, stage.left) == (2, 1, 1)


@pytest.mark.parametrize("damage", ["truncate", "remove", "sidecar"])
def test_a_damaged_part_is_made_again(tmp_path: Path, logs: Path, damage: str) -> None:
    run(recipe([logs]), tmp_path / "run", workers=1)
    before = parts(tmp_path / "run")
    part = tmp_path / "run" / "fingerprint" / "part-00000.parquet"
    if damage == "truncate":
        part.write_bytes(part.read_bytes()[:100])
    elif damage == "remove":
        part.unlink()
    else:
        part.with_suffix(".json").write_text("{")
    run(recipe([logs]), tmp_path / "run", workers=1)
    assert parts(tmp_path / "run") == before


def test_a_folder_of_another_pipeline_or_of_something_else_is_refused(tmp_path: Path, logs: Path) -> None:
    run(recipe([logs]), tmp_path / "run", workers=1)
    before = parts(tmp_path / "run")
    with pytest.raises(ConfigError, match="pipeline 'test', this one is 'other'"):
        run(recipe([logs], name="other"), tmp_path / "run")
    assert parts(tmp_path / "run") == before
    with pytest.raises(ConfigError, match="not a run folder"):
        run(recipe([logs]), logs.parent)
    assert os.listdir(logs.parent) == ["a.jsonl"]


def test_two_runs_do_not_share_a_folder(tmp_path: Path, logs: Path) -> None:
    blocked: list[str] = []

    def second(event: Event) -> None:
        if isinstance(event, ShardDone) and not blocked:
            with pytest.raises(ConfigError, match="another process works on") as caught:
                run(recipe([logs]), tmp_path / "run")
            blocked.append(str(caught.value))

    run(recipe([logs]), tmp_path / "run", workers=1, listener=second)
    assert blocked


def test_a_missing_file_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        run(recipe([tmp_path / "none.jsonl"]), tmp_path / "run")
    assert not list((tmp_path / "run").glob("*/part-*"))


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_afterwards(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    folder = tmp_path / "run"
    run(recipe([logs]), folder, workers=1, until="ingest")
    (folder / "fingerprint").mkdir()
    # Writes to the temporary file of this very part fail with ENOSPC, as on a full disk.
    (folder / "fingerprint" / f".tmp-{os.getpid()}-part-00000.parquet").symlink_to("/dev/full")
    # The fault is real; a run would sweep its link away before it writes, so the sweep is told to find nothing.
    monkeypatch.setattr("chatlog.engine.store._TEMPORARY", re.compile("nothing"))
    with pytest.raises(DataError, match="disk is full"):
        run(recipe([logs]), folder, workers=1)
    assert not list((folder / "fingerprint").glob("part-*"))
    run(recipe([logs]), folder, workers=1)
    run(recipe([logs]), tmp_path / "fresh", workers=1)
    assert parts(folder) == parts(tmp_path / "fresh")


def test_a_mismatch_of_keys_is_an_error_and_not_a_silent_join(tmp_path: Path, logs: Path) -> None:
    run(recipe([logs], shard_rows=25), tmp_path / "run", workers=1, until="fingerprint")
    folder = tmp_path / "run" / "fingerprint"
    one, two = folder / "part-00000.parquet", folder / "part-00001.parquet"
    size = json.loads(one.with_suffix(".json").read_text())
    one.write_bytes(two.read_bytes())
    one.with_suffix(".json").write_text(json.dumps(size | {"bytes": two.stat().st_size}))
    with pytest.raises(ContractError, match="does not hold the rows"):
        run(
            recipe([logs], ["fingerprint", {"use": "dedup", "near": False}], shard_rows=25), tmp_path / "run", workers=1
        )


def test_a_document_that_keeps_its_records_in_a_list_is_read_one_by_one(tmp_path: Path) -> None:
    lines = (ROOT / "tests" / "sources" / "fixtures" / "openwebui.jsonl").read_text().splitlines()
    chats = [case["input"] for case in map(json.loads, lines) if "expected" in case and "reject" not in case][:1] * 3
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"chats": [*chats, 7]}, indent=1))
    summary = run(recipe([path], ["fingerprint"], reader="openwebui"), tmp_path / "run", workers=1)
    assert (summary.counts["read"], summary.counts["rejects"]) == (4, 1)


def test_what_reads_a_global_stage_runs_again_only_where_its_values_changed(tmp_path: Path) -> None:
    said = conversation(1, words="the same question about the same thing")
    write_jsonl(tmp_path / "logs" / "a.jsonl", [conversation(2), conversation(3)])
    write_jsonl(tmp_path / "logs" / "b.jsonl", [said, conversation(4)])
    pipeline = recipe([tmp_path / "logs"], ["fingerprint", "dedup", {"use": "language", "where": "kept"}])
    run(pipeline, tmp_path / "run")
    # A longer telling of what b.jsonl tells: it is kept in place of that one, and nothing changes for a.jsonl.
    longer = {**said, "messages": said["messages"] + conversation(5)["messages"]}
    write_jsonl(tmp_path / "logs" / "c.jsonl", [longer])
    made = run(pipeline, tmp_path / "run").made
    assert made == {"ingest": 1, "fingerprint": 1, "dedup": 3, "language": 2}
    whole = run(pipeline, tmp_path / "again")
    assert whole.made["language"] == 3 and parts(tmp_path / "run") == parts(tmp_path / "again")
