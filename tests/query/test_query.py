from __future__ import annotations

from pathlib import Path

import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.explain import explain, topic_of
from chatlog.query import connect, rows_of, select
from chatlog.query.database import make_database
from chatlog.query.summary import keep_decisions
from chatlog.release.export import export
from tests.conftest import ROOT, conversation, write_jsonl
from tests.release.small import ran

VIEWS = (
    "conversations",
    "summary",
    "messages",
    "topics",
    "pii",
    "rejects",
    "stages",
    "funnel",
    "decisions",
    "embeddings",
    "canaries",
)


def test_every_view_answers(curated: Path) -> None:
    with connect(curated / "run") as connection:
        for view in VIEWS:
            assert rows_of(connection, f"SELECT count(*) AS n FROM {view}")[0]["n"] > 0, view


def test_the_funnel_adds_up(curated: Path) -> None:
    with connect(curated / "run") as connection:
        n = {row["step"]: row["n"] for row in rows_of(connection, "FROM funnel")}
    assert n["records"] == n["rows"] + n["rejects"]
    assert n["rows"] == n["released"] + n["dropped"]
    assert 0 < n["duplicates"] < n["rows"] and n["redacted"] > 0 and n["flagged"] > 0


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW messages",
        "COPY conversations TO '{run}/out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{run}/ingest/part-00000.parquet'",
        "SELECT 1; SELECT 2",
        "SET threads = 1",
        "ATTACH '{run}/x.db'",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_text('{run}/user.key')",
        "SELECT * FROM read_csv('{run}/run.json')",
        "SELECT * FROM glob('/*')",
        "SELECT no_such_column FROM messages",
        "not sql",
    ],
)
def test_nothing_but_reading_the_run_is_possible(curated: Path, query: str) -> None:
    run = curated / "run"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")}
    with connect(run) as connection, pytest.raises(ConfigError) as caught:
        rows_of(connection, query.format(run=run))
    assert "\n" not in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.parquet")} == before


def test_a_release_query_reaches_nothing_outside_of_the_run(tmp_path: Path) -> None:
    """A recipe may be a stranger's: its query is bound when a run is opened, and asked when what it decides is kept."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    query = tmp_path / "query.sql"
    select = (ROOT / "sql/release/lmsys_chat.sql").read_text()
    query.write_text(
        select.replace("WHEN NOT kept", f"WHEN (SELECT a FROM '{secret}') = 1 THEN 'read' WHEN NOT kept", 1)
    )
    folder = ran([write_jsonl(tmp_path / "logs.jsonl", [conversation(1)])], tmp_path / "run", select=str(query))
    for ask in (
        lambda: connect(folder).__enter__(),
        lambda: keep_decisions(folder),
        lambda: make_database(folder, tmp_path / "run.duckdb"),
        lambda: export(folder, tmp_path / "out"),
    ):
        with pytest.raises((ConfigError, DataError), match=r"disabled|Permission"):
            ask()
    assert not (tmp_path / "run.duckdb").exists() and not (tmp_path / "out").exists()


def test_explaining_a_plan_reads(curated: Path) -> None:
    with connect(curated / "run") as connection:
        assert select(connection, "EXPLAIN SELECT count(*) FROM messages").fetchall()


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run folder"), connect(tmp_path):
        pass


def test_explain_tells_what_was_decided(curated: Path) -> None:
    with connect(curated / "run") as connection:
        (copy,) = rows_of(
            connection, "SELECT * FROM conversations WHERE duplicate_kind = 'near' ORDER BY row_id LIMIT 1"
        )
    told = next(
        item for item in explain(curated / "run", copy["conversation_id"]) if item.row["row_id"] == copy["row_id"]
    )
    lines = "\n".join(told.lines())
    assert told.reason == "duplicate: near"
    assert f"near of row {copy['duplicate_of']}" in lines and "left out: duplicate: near" in lines
    assert copy["duplicate_of"] in {row["row_id"] for row in told.cluster}
    (by_row,) = explain(curated / "run", str(copy["duplicate_of"]))
    assert by_row.row["kept"] and by_row.row["cluster_size"] >= 2
    assert by_row.reason is None or not by_row.reason.startswith("duplicate")
    with pytest.raises(DataError, match="no conversation"):
        explain(curated / "run", "no such id")


def test_topics_show_redacted_questions_and_names_of_their_own(curated: Path) -> None:
    with connect(curated / "run") as connection:
        topics = rows_of(connection, "FROM topics ORDER BY topic_id")
        redacted = rows_of(connection, "SELECT messages FROM conversations WHERE redacted IS NOT NULL")
        users = rows_of(
            connection,
            "SELECT topic_id, count(DISTINCT coalesce(user_key, row_id::VARCHAR)) AS n FROM conversations "
            "WHERE topic_id IS NOT NULL GROUP BY topic_id",
        )
    asked = {" ".join(m["content"].split()) for row in redacted for m in row["messages"] if m["content"]}
    enough = {row["topic_id"] for row in users if row["n"] >= 10}
    told = [topic for topic in topics if topic["label"] is not None]
    assert told and len({topic["label"].casefold() for topic in told}) == len(told)
    assert all(topic["examples"] for topic in told if topic["topic_id"] in enough)
    assert all(any(text.rstrip("…") in one for one in asked) for topic in told for text in topic["examples"])


def test_explain_tells_topics_by_name(curated: Path) -> None:
    row = {"topic_id": 3, "topic": "Baking", "theme": "Food", "topic_distance": 0.5}
    assert topic_of(row) == "Baking, in Food (distance 0.50)"
    assert topic_of({**row, "theme": None}) == "Baking (distance 0.50)"
    assert topic_of({**row, "topic": None, "theme": None}).startswith("number 3, of too few users to have a name")
    assert topic_of({**row, "topic_id": -1, "topic": "none", "topic_distance": None}) == "none: it is like no topic"
    with connect(curated / "run") as connection:
        (one,) = rows_of(connection, "SELECT row_id, label FROM conversations JOIN topics USING (topic_id) LIMIT 1")
    (told,) = explain(curated / "run", str(one["row_id"]))
    assert any(one["label"] in line for line in told.lines() if "topic" in line)
