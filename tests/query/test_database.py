"""The DuckDB file of a run, opened by DuckDB alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatlog.engine.store import Run
from chatlog.errors import ConfigError
from chatlog.query import connect
from chatlog.query.database import make_database
from chatlog.query.reports import reports
from tests.query.test_query import VIEWS

# A client of its own: it knows nothing of chatlog, and its working folder is where the test says.
_CLIENT = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
for setting in sys.argv[3:]:
    connection.execute(setting)
print(json.dumps({query: connection.execute(query).fetchall() for query in json.loads(sys.argv[2])}, default=str))
"""


def asked(file: Path, folder: Path, queries: list[str], *settings: str) -> Any:
    command = [sys.executable, "-I", "-c", _CLIENT, str(file), json.dumps(queries), "SET TimeZone = 'UTC'", *settings]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def counts(run: Path) -> dict[str, list[list[int]]]:
    queries = [f"SELECT count(*) FROM {view}" for view in VIEWS]
    with connect(run) as connection:
        return {query: [list(connection.execute(query).fetchall()[0])] for query in queries}


def test_views_open_from_the_file_s_folder_wherever_it_is_moved_with_the_run(own_run: Path, tmp_path: Path) -> None:
    file = own_run.parent / "it's run.duckdb"
    made = make_database(own_run, file)
    assert file.stat().st_mode & 0o777 == 0o600 and set(made.tables) == {"stages", "canaries"}
    assert set(VIEWS) <= set(made.views) | set(made.tables)
    expected = counts(own_run)
    assert asked(file, file.parent, list(expected)) == expected
    elsewhere = tmp_path / "far" / "away"
    elsewhere.mkdir(parents=True)
    for found in (own_run, file):
        found.rename(elsewhere / found.name)
    file = elsewhere / file.name
    assert asked(Path(file.name), elsewhere, list(expected)) == expected
    # From any other folder, one setting says where the file lies; without it, what is missing is told.
    assert asked(file, tmp_path, list(expected), f"SET file_search_path = '{elsewhere}'") == expected
    assert "No files found" in asked(file, tmp_path, list(expected))
    text = file.read_bytes()
    assert str(tmp_path).encode() not in text, "no path of the machine that made it"


def test_a_file_in_the_run_folder_and_the_reports(own_run: Path) -> None:
    make_database(own_run, own_run / "run.duckdb")
    found = asked(own_run / "run.duckdb", own_run, [one.sql for one in reports()])
    with connect(own_run) as connection:
        told = {one.sql: connection.execute(one.sql).fetchall() for one in reports()}
    assert found == json.loads(json.dumps(told, default=str))


def test_a_copy_stands_alone(own_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.duckdb"
    expected = counts(own_run)
    made = make_database(own_run, file, copy=True)
    assert file.stat().st_mode & 0o777 == 0o600 and "conversations" in made.tables and "funnel" in made.views
    own_run.rename(tmp_path / "gone")
    assert asked(file, Path("/"), list(expected)) == expected


def test_only_a_database_is_replaced(own_run: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    file.write_text("my notes, which are longer than a header")
    with pytest.raises(ConfigError, match="no DuckDB file"):
        make_database(own_run, file)
    assert file.read_text().startswith("my notes")
    with pytest.raises(ConfigError, match="cannot replace"):
        make_database(own_run, tmp_path)
    file.unlink()
    with duckdb.connect(str(file)) as other:
        other.execute("CREATE TABLE t AS SELECT 1 AS a")
    assert "conversations" in make_database(own_run, file).views
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp")]


def test_a_run_under_way_has_a_database_too(own_run: Path, tmp_path: Path) -> None:
    Run(own_run).sidecar("moderate", 1).unlink()
    Run(own_run).sidecar("moderate", 0).unlink()
    file = tmp_path / "half.duckdb"
    make_database(own_run, file)
    query = "SELECT moderation_status IS NULL, count(*) FROM summary WHERE kept GROUP BY 1 ORDER BY 1"
    (half, rest) = asked(file, tmp_path, [query])[query]
    assert half[0] is False and rest[0] is True and half[1] + rest[1] == 378
