"""`chatlog sql` and `chatlog db` as commands."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chatlog.cli.main import main
from chatlog.query.reports import reports

ENDLESS = "SELECT count(*) FROM range(100000000000) AS t(a), range(100000) AS s(b) WHERE a % 7 = b"


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, output and messages of one call."""
    # The words of a command line; what is called is the command itself.
    monkeypatch.setattr("sys.argv", ["chatlog", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr()
    return int(left.value.code or 0), told.out, told.err


@pytest.fixture
def chatlog(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda *words: call(monkeypatch, capsys, *words)


def test_questions_are_listed_and_asked_by_name(chatlog: Any, curated: Path) -> None:
    code, out, _ = chatlog("sql", "--list", "--json")
    listed = json.loads(out)
    assert code == 0 and [one["name"] for one in listed["reports"]] == [one.name for one in reports()]
    _, out, _ = chatlog("sql", "--list")
    assert any(line.startswith("table_1 ") and line.endswith("?") for line in out.splitlines())
    code, out, _ = chatlog("sql", "--report", "turns", "--run", curated / "run", "--json")
    assert code == 0 and sum(row["conversations"] for row in json.loads(out)["rows"]) == 378
    code, _, err = chatlog("sql", "--report", "no_such", "--run", curated / "run")
    assert code == 1 and "chatlog sql --list" in err


@pytest.mark.parametrize(
    "words", [[], ["SELECT 1", "--list"], ["--list", "--report", "turns"], ["SELECT 1", "-f", "x.sql"]]
)
def test_one_question_at_a_time(chatlog: Any, words: list[str]) -> None:
    code, _, err = chatlog("sql", *words)
    assert code == 1 and "give one of" in err


def test_a_query_is_stopped_when_its_time_is_over(chatlog: Any, curated: Path, tmp_path: Path) -> None:
    for more in ((), ("--out", tmp_path / "x.csv")):
        begun = time.monotonic()
        code, out, err = chatlog("sql", ENDLESS, "--run", curated / "run", "--timeout", "0.5", *more)
        assert code == 1 and not out and "stopped after 0.5 s" in err and "--timeout" in err
        assert time.monotonic() - begun < 20
    assert not list(tmp_path.iterdir())


def test_a_query_holds_no_more_than_it_may(chatlog: Any, curated: Path) -> None:
    query = "SELECT list(a) FROM range(100000000000) AS t(a)"
    code, _, err = chatlog("sql", query, "--run", curated / "run", "--memory", "60MB")
    assert code == 1 and "--memory" in err
    code, _, err = chatlog("sql", "SELECT 1", "--run", curated / "run", "--memory", "lots")
    assert code == 1 and "a size such as" in err


def test_rows_are_cut_and_that_is_told(chatlog: Any, curated: Path) -> None:
    query = "SELECT row_id FROM conversations"
    _, out, _ = chatlog("sql", query, "--run", curated / "run", "--max-rows", "3")
    assert len(out.splitlines()) == 6 and "there are more" in out
    _, out, _ = chatlog("sql", query, "--run", curated / "run", "--max-rows", "504", "--json")
    told = json.loads(out)
    assert told["n"] == 504 and "cut" not in told
    _, out, _ = chatlog("sql", query + " WHERE false", "--run", curated / "run")
    assert out.splitlines()[0] == "row_id"


def test_answers_go_to_files(chatlog: Any, curated: Path, tmp_path: Path) -> None:
    query = "SELECT row_id, turns, flagged_categories FROM summary ORDER BY row_id DESC; -- all"
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        code, out, _ = chatlog("sql", query, "--run", curated / "run", "-o", tmp_path / name, "--json")
        assert code == 0 and json.loads(out)["n"] == 504
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    table = pl.read_parquet(tmp_path / "a.parquet")
    turns = table["turns"].to_list()
    assert table["row_id"].is_sorted(descending=True)
    assert pl.read_csv(tmp_path / "a.csv")["turns"].to_list() == turns and len(turns) == 504
    assert [json.loads(line)["turns"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == turns


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("SELECT 1", "x.txt"),
        ("SELECT 1", "run/x.csv"),
        ("SELECT 1) TO '{out}/stolen.csv' --", "x.csv"),
        ("COPY (SELECT 1) TO '{out}/stolen.csv'", "x.csv"),
        ("SELECT * FROM read_text('/etc/hostname')", "x.csv"),
        ("CREATE TABLE t AS SELECT 1", "x.csv"),
    ],
)
def test_nothing_else_is_written_or_read(chatlog: Any, own: Path, query: str, name: str) -> None:
    before = sorted(own.rglob("*"))
    code, _, err = chatlog("sql", query.format(out=own), "--run", own / "run", "--out", own / name)
    assert code == 1 and len(err.splitlines()) == 1 and sorted(own.rglob("*")) == before


@pytest.fixture
def own(curated: Path, tmp_path: Path) -> Path:
    (tmp_path / "run").symlink_to(curated / "run")
    return tmp_path


def test_db_tells_how_to_open_it(chatlog: Any, curated: Path, tmp_path: Path) -> None:
    code, out, _ = chatlog("db", curated / "run", "-o", tmp_path / "x.duckdb")
    assert code == 0 and f"cd {tmp_path} && duckdb x.duckdb" in out
    code, out, _ = chatlog("db", curated / "run", "-o", tmp_path / "y.duckdb", "--copy", "--json")
    assert code == 0 and "conversations" in json.loads(out)["tables"]
    (tmp_path / "z").write_text("text")
    code, _, err = chatlog("db", curated / "run", "-o", tmp_path / "z")
    assert code == 1 and "no DuckDB file" in err
