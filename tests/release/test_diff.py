from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chatlog.errors import ConfigError
from chatlog.forget import forget
from chatlog.release.diff import GONE, NEW, QUERY, diff
from chatlog.release.export import export
from chatlog.release.lineage import LINEAGE
from tests.conftest import conversation, write_jsonl
from tests.release.small import STAGES, ran


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name, first in (("a", 0), ("b", 20)):
        write_jsonl(tmp_path / "logs" / f"{name}.jsonl", [conversation(number) for number in range(first, first + 20)])
    return tmp_path / "logs"


def _export(logs: Path, folder: Path, *stages: Any, **release: Any) -> Path:
    ran([logs], folder / "run", stages or STAGES, **release)
    export(folder / "run", folder / "out")
    return folder / "out"


def test_the_same_run_makes_the_same_release(tmp_path: Path, logs: Path) -> None:
    told = diff(_export(logs, tmp_path / "a"), _export(logs, tmp_path / "b"))
    assert told.same and told.first is None and told.rows == {"added": 0, "removed": 0, "changed": 0, "same": 40}
    assert told.settings == [] and told.counts == {} and told.causes == []


def test_one_changed_byte_is_traced_to_the_shard_and_the_row(tmp_path: Path, logs: Path) -> None:
    before = _export(logs, tmp_path / "a")
    path = logs / "b.jsonl"
    line = path.read_bytes().splitlines()[4]
    changed = line.replace(b'"content": "w', b'"content": "v', 1)
    assert len(changed) == len(line) and changed != line
    path.write_bytes(path.read_bytes().replace(line, changed))
    told = diff(before, _export(logs, tmp_path / "b"))
    assert told.first == "ingest" and told.shards == [1]
    assert told.rows == {"added": 0, "removed": 0, "changed": 1, "same": 39}
    assert told.causes == [{"kind": "changed", "stage": "ingest", "reason": None, "n": 1}]
    assert told.columns == {"conversation": 1} and told.ids["changed"] == ["c24"] and told.settings == []


def test_a_changed_setting_is_told_with_the_rows_that_it_moved(tmp_path: Path, logs: Path) -> None:
    said = conversation(1)["messages"]
    near = [{**said[0], "content": said[0]["content"] + " and one word more"}, said[1]]
    mail = [{**said[0], "content": "Write to ada@lovelace.example.org about the engine, please."}, said[1]]
    write_jsonl(logs / "c.jsonl", [{**conversation(50), "messages": near}, {**conversation(51), "messages": mail}])
    before = _export(logs, tmp_path / "a")
    stages = [
        {**stage, **({"threshold": 0.99} if stage["use"] == "dedup" else {})}
        | ({"email_address": "mask"} if stage["use"] == "redact" else {})
        for stage in STAGES
    ]
    told = diff(before, _export(logs, tmp_path / "b", *stages))
    assert {(each.stage, each.name, each.before, each.after) for each in told.settings} == {
        ("dedup", "threshold", 0.5, 0.99),
        ("redact", "email_address", "replace", "mask"),
    }
    assert told.first == "dedup"
    causes = {(each["kind"], each["stage"], each["reason"]): each["n"] for each in told.causes}
    assert causes == {
        ("added", "dedup", "duplicate: near"): 1,
        ("changed", "dedup", None): 1,
        ("changed", "redact", None): 1,
    }
    assert told.counts["released"] == (41, 42) and told.columns == {"conversation": 1, "told_times": 1}


def test_new_and_forgotten_rows_and_the_query_are_told_apart(tmp_path: Path, logs: Path) -> None:
    before = _export(logs, tmp_path / "a")
    write_jsonl(logs / "c.jsonl", [conversation(70)])
    ran([logs], tmp_path / "b" / "run")
    forget(tmp_path / "b" / "run", ["c3"])
    query = tmp_path / "query.sql"
    select = (Path(__file__).parents[2] / "sql/release/lmsys_chat.sql").read_text()
    query.write_text(select.replace("WHEN NOT kept", "WHEN conversation_id = 'c5' THEN 'by hand' WHEN NOT kept", 1))
    ran([logs], tmp_path / "b" / "run", select=str(query))
    export(tmp_path / "b" / "run", tmp_path / "b" / "out")
    told = diff(before, tmp_path / "b" / "out")
    causes = {(each["kind"], each["stage"], each["reason"]) for each in told.causes}
    assert causes == {("added", NEW, None), ("removed", GONE, None), ("removed", QUERY, "by hand")}
    assert told.ids == {"added": ["c70"], "removed": ["c3", "c5"], "changed": []}
    assert [each.name for each in told.settings] == ["select"]
    assert diff(tmp_path / "b" / "out", before).rows == {"added": 2, "removed": 1, "changed": 0, "same": 38}


def test_releases_under_two_keys_are_not_compared(tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _export(logs, tmp_path / "a")
    monkeypatch.setenv("CHATLOG_USER_KEY", "another key for this test")
    after = _export(logs, tmp_path / "b")
    with pytest.raises(ConfigError, match="different user keys"):
        diff(before, after)
    ids = [pl.read_parquet(each / LINEAGE)["row"].to_list() for each in (before, after)]
    assert not set(ids[0]) & set(ids[1])  # without the key a guessed id is not found


def test_a_row_without_an_id_of_its_own_keeps_its_name(tmp_path: Path) -> None:
    """Ids that repeat are numbered, so that one more copy changes nothing of the others."""
    logs = tmp_path / "logs"
    records = [{**conversation(number), "id": "same"} for number in range(3)]
    write_jsonl(logs / "a.jsonl", records)
    before = _export(logs, tmp_path / "a")
    write_jsonl(logs / "b.jsonl", [{**conversation(9), "id": "same"}])
    told = diff(before, _export(logs, tmp_path / "b"))
    assert pl.read_parquet(tmp_path / "b" / "out" / LINEAGE)["copy"].to_list() == [0, 1, 2, 3]
    assert told.rows["added"] == 1 and told.rows["removed"] == 0
