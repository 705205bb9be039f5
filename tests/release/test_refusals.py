from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chatlog.engine.run import pipeline_of
from chatlog.engine.tombstones import SHARED, keep_tombstones, read_tombstones
from chatlog.engine.userkey import user_key
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.forget import forget
from chatlog.release.export import export
from tests.conftest import ROOT, conversation, write_jsonl
from tests.release.small import ran, releasable

SELECT = (ROOT / "sql/release/lmsys_chat.sql").read_text()


def _logs(tmp_path: Path, count: int = 12, **more: Any) -> Path:
    records = [{**conversation(number), "user": f"user-{number}", **more} for number in range(count)]
    return write_jsonl(tmp_path / "logs.jsonl", records)


def _refused(run: Path) -> ReleaseRefused:
    with pytest.raises(ReleaseRefused) as refused:
        export(run, run.parent / "out")
    assert not (run.parent / "out").exists() and not list(run.parent.glob(".out*"))
    return refused.value


@pytest.mark.parametrize("written", ["ZEBRA-4711-quux", "zebra-4711-QUUX", "ＺＥＢＲＡ-４７１１-quux"])
def test_a_canary_in_any_column_is_refused_and_not_quoted(tmp_path: Path, written: str) -> None:
    records = [conversation(1), {**conversation(2), "model": f"model {written}"}, conversation(3, words=written)]
    logs = write_jsonl(tmp_path / "logs.jsonl", records)
    (tmp_path / "canaries.txt").write_text("something else\nZEBRA-4711-quux\n\n")
    run = ran([logs], tmp_path / "run", canaries=str(tmp_path / "canaries.txt"))
    error = _refused(run)
    assert sorted(error.rows) == ["c2", "c3"] and "planted canaries are left in 2 rows" in str(error)
    assert "4711" not in str(error).casefold()


def test_the_canaries_of_the_run_folder_count_as_well(tmp_path: Path) -> None:
    run = ran([_logs(tmp_path)], tmp_path / "run")
    (run / "canaries.txt").write_text(conversation(5)["messages"][1]["content"][:20] + "\n")
    assert _refused(run).rows == ["c5"]
    (run / "canaries.txt").write_text("short\n")
    with pytest.raises(ConfigError, match="1 canaries have fewer than 6 characters"):
        export(run, tmp_path / "out")


def test_a_group_of_too_few_users_is_refused(tmp_path: Path) -> None:
    """Of twelve users two say that they are of a country; one user may say so ten times."""
    query = tmp_path / "query.sql"
    country = "CASE WHEN conversation_id IN ('c1', 'c2') THEN 'Tuvalu' ELSE 'France' END AS country"
    query.write_text(
        SELECT.replace("coalesce(redacted, false) AS redacted,", f"coalesce(redacted, false) AS redacted, {country},")
    )
    run = ran([_logs(tmp_path)], tmp_path / "run", select=str(query))
    error = _refused(run)
    assert error.rows == ["c1", "c2"] and "1 groups of country are of fewer than 10 users" in str(error)
    assert "Tuvalu" not in str(error)
    for allowed in ({"min_users": 2}, {"groups": []}):
        ran([tmp_path / "logs.jsonl"], run, select=str(query), **allowed)
        export(run, tmp_path / "out")
    _logs(tmp_path, user="one and the same")
    ran([tmp_path / "logs.jsonl"], run, select=str(query), min_users=2)
    with pytest.raises(ReleaseRefused, match="2 groups of country are of fewer than 2 users"):
        export(run, tmp_path / "out")


def test_the_forgotten_are_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ran([_logs(tmp_path)], tmp_path / "run")
    # Forgotten in another run of the same operator, whose tombstones this one has not met yet.
    other = ran([tmp_path / "logs.jsonl"], tmp_path / "other")
    monkeypatch.setenv(SHARED, str(tmp_path / "shared.json"))
    forget(other, ["c3"], user_ids=["user-8"])
    error = _refused(run)
    assert error.rows == [3, 8] and "chatlog forget" in str(error)
    forget(run)
    ran([tmp_path / "logs.jsonl"], run)
    assert export(run, tmp_path / "out").released == 10


def test_a_release_waits_for_the_end_of_forgetting(tmp_path: Path) -> None:
    run = ran([_logs(tmp_path)], tmp_path / "run")
    folder, _ = pipeline_of(run)
    keep_tombstones(folder, read_tombstones(folder, user_key(folder)).with_more(["not here"], []))
    assert "forgetting is not finished" in str(_refused(run))


def test_rows_that_a_query_does_not_decide_on_are_named(tmp_path: Path) -> None:
    query = tmp_path / "query.sql"
    query.write_text(SELECT.replace("FROM conversations;", "FROM conversations WHERE row_id <> 4;", 1))
    run = ran([_logs(tmp_path)], tmp_path / "run", select=str(query))
    error = _refused(run)
    assert error.rows == [4] and "rows 4" in str(error)


def test_the_command_tells_reason_and_rows(tmp_path: Path) -> None:
    run = ran([_logs(tmp_path)], tmp_path / "run")
    (run / "canaries.txt").write_text(conversation(5)["messages"][1]["content"][:20] + "\n")
    command = [sys.executable, "-m", "chatlog.cli.main", "export", str(run), "--out", str(tmp_path / "out"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)["error"]
    assert done.returncode == 1 and told["kind"] == "ReleaseRefused" and told["rows"] == ["c5"]


def test_a_missing_list_of_canaries_is_an_error(tmp_path: Path) -> None:
    spec = releasable([_logs(tmp_path)], canaries="gone.txt").release
    assert spec is not None and spec.canaries == ROOT / "gone.txt"
    run = ran([tmp_path / "logs.jsonl"], tmp_path / "run", canaries=str(tmp_path / "gone.txt"))
    with pytest.raises(ConfigError, match="canaries: no such file"):
        export(run, tmp_path / "out")
