"""The questions of sql/reports/ on the demo: their columns, and whether their numbers make sense."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from chatlog.demo import sample_paths
from chatlog.engine.run import run
from chatlog.query import connect, rows_of
from chatlog.query.reports import Report, report, reports
from tests.conftest import conversation, recipe, write_jsonl

REPORTS = reports()
every = pytest.mark.parametrize("question", REPORTS, ids=lambda one: one.name)
MAY_BE_EMPTY = {"contamination", "repeated_prompts"}  # the demo has no benchmark, and no question of ten users


@pytest.fixture(scope="module")
def demo(curated: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(curated / "run") as connection:
        yield connection


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of ingest alone."""
    folder = tmp_path_factory.mktemp("plain")
    logs = write_jsonl(folder / "log.jsonl", [conversation(number, turns=number) for number in range(1, 5)])
    run(recipe([logs], []), folder / "run", workers=1)
    return folder / "run"


def answers(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    return rows_of(connection, report(name).sql)


def one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    found = connection.execute(query).fetchone()
    assert found is not None
    return found[0]


def test_there_are_enough() -> None:
    assert len(REPORTS) >= 20 and sum(one.on_release for one in REPORTS) >= 10


@every
def test_columns_are_those_that_the_file_tells(demo: duckdb.DuckDBPyConnection, question: Report) -> None:
    assert question.question.endswith((".", "?")) and question.sql.splitlines()[1].startswith("-- Columns: ")
    rows = rows_of(demo, question.sql)
    assert [column[0] for column in demo.execute(question.sql).description or ()] == list(question.columns)
    assert rows or question.name in MAY_BE_EMPTY


@every
def test_a_run_without_stages_is_no_error(plain: Path, question: Report) -> None:
    with connect(plain) as connection:
        rows = rows_of(connection, question.sql)
    if question.name in ("turns", "table_1", "models", "stage_times", "longest"):
        assert rows


@every
def test_rows_are_sorted_and_shares_are_shares(demo: duckdb.DuckDBPyConnection, question: Report) -> None:
    rows = rows_of(demo, question.sql)
    assert rows == rows_of(demo, question.sql), "the same rows in the same order each time"
    for name in {"share", "at_most", "win_rate", "liked", "recall"} & set(question.columns):
        assert all(row[name] is None or 0 <= row[name] <= 1 for row in rows), name
    order = re.findall(r"ORDER BY (\w+) DESC", question.sql)
    if order and order[-1] in question.columns:
        told = [row[order[-1]] for row in rows if row[order[-1]] is not None]
        assert told == sorted(told, reverse=True)


@pytest.mark.parametrize(
    "name", ["language_shares", "models", "months", "turns", "topics", "feedback", "prompt_lengths"]
)
def test_groups_add_up_to_all_kept_conversations(demo: duckdb.DuckDBPyConnection, name: str) -> None:
    kept = one(demo, "SELECT count(*) FROM conversations WHERE kept")
    votes = one(demo, "SELECT count(*) FROM conversations WHERE feedback IS NOT NULL AND NOT kept")
    assert sum(row["conversations"] for row in answers(demo, name)) == kept + (votes if name == "feedback" else 0)


@pytest.mark.parametrize(
    "name", ["language_shares", "models", "turns", "topics", "drops", "rejects", "stage_times", "users"]
)
def test_shares_of_a_whole_add_up_to_one(demo: duckdb.DuckDBPyConnection, name: str) -> None:
    assert sum(row["share"] for row in answers(demo, name)) == pytest.approx(1, abs=0.005)


def test_table_1_is_what_polars_counts(demo: duckdb.DuckDBPyConnection, curated: Path) -> None:
    folder = curated / "run"

    def stage(name: str) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(path) for path in sorted((folder / name).glob("part-*.parquet"))])

    rows = stage("ingest").drop("messages", "system").join(stage("dedup"), on="row_id").filter("kept")
    rows = rows.join(stage("redact").select("row_id", "messages"), on="row_id").join(stage("language"), on="row_id")
    talks = rows["messages"].to_list()
    prompts = [m["content"] for talk in talks for m in talk if m["role"] == "user" and m["content"] is not None]
    value = {row["measure"]: row["value"] for row in answers(demo, "table_1")}
    assert value["conversations"] == len(rows)
    assert value["models"] == rows["model"].drop_nulls().n_unique()
    assert value["users"] == rows["user_key"].drop_nulls().n_unique()
    assert value["languages"] == rows.filter(pl.col("language") != "unknown")["language"].n_unique()
    turns = sum(m["role"] == "user" for talk in talks for m in talk) / len(rows)
    assert value["turns a conversation"] == pytest.approx(turns, abs=0.005)
    tokens = sum(max(1, -(-len(text.encode()) // 4)) for text in prompts) / len(prompts)
    assert value["tokens a prompt"] == pytest.approx(tokens, abs=0.05)


def test_categories_and_redactions_are_what_a_loop_counts(demo: duckdb.DuckDBPyConnection) -> None:
    rows = rows_of(demo, "SELECT moderation, pii, messages FROM conversations WHERE kept AND moderation_status = 'ok'")
    hits = Counter(
        name
        for row in rows
        for name in {n for j in row["moderation"] for n, hit in (j["categories"] or {}).items() if hit}
    )
    assert {row["category"]: row["conversations"] for row in answers(demo, "flagged_categories")} == hits
    spans: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for row in rows:
        for span in (span for span in row["pii"] or () if span["placeholder"] is not None):
            spans[span["type"]] += 1
            asked[span["type"]] += span["message"] >= 0 and row["messages"][span["message"]]["role"] == "user"
    told = answers(demo, "pii_types")
    assert {row["type"]: row["spans"] for row in told} == spans
    assert {row["type"]: row["by_user"] for row in told} == {name: asked[name] for name in spans}


def test_votes_balance(demo: duckdb.DuckDBPyConnection) -> None:
    told = answers(demo, "battles")
    assert all(row["battles"] == row["wins"] + row["losses"] + row["ties"] + row["both_bad"] for row in told)
    assert sum(row["wins"] for row in told) == sum(row["losses"] for row in told) > 0
    assert sum(row["battles"] for row in told) == 2 * one(demo, "SELECT count(DISTINCT battle_id) FROM conversations")
    pairs = answers(demo, "battle_pairs")
    assert all(row["battles"] == row["wins"] + row["losses"] + row["ties"] for row in pairs)
    assert sum(row["battles"] for row in pairs) == sum(row["battles"] for row in told) / 2
    told = answers(demo, "feedback")
    votes = dict(demo.execute("SELECT feedback, count(*) FROM conversations GROUP BY feedback").fetchall())
    assert (
        sum(row["upvotes"] for row in told) == votes["upvote"] and sum(row["others"] for row in told) == votes["flag"]
    )


def test_a_vote_that_is_logged_twice_counts_once(demo: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    log = sample_paths()["fastchat"].read_bytes()
    files = [tmp_path / name for name in ("one.json", "two.json")]
    for file in files:
        file.write_bytes(log)
    run(recipe(files, [], reader="fastchat"), tmp_path / "run", workers=1)
    with connect(tmp_path / "run") as connection:
        assert one(connection, "SELECT count(*) FROM conversations WHERE winner IS NOT NULL") == 32
        assert answers(connection, "battles") == answers(demo, "battles")
        assert answers(connection, "battle_pairs") == answers(demo, "battle_pairs")


def test_accounts_agree_with_one_another(demo: duckdb.DuckDBPyConnection) -> None:
    steps = {row["step"]: row["n"] for row in answers(demo, "funnel")}
    drops = {row["reason"]: row["conversations"] for row in answers(demo, "drops")}
    assert drops.pop("released") == steps["released"] and sum(drops.values()) == steps["dropped"]
    files = answers(demo, "sources")
    assert (
        sum(row["records"] for row in files) == steps["records"] and sum(row["rows"] for row in files) == steps["rows"]
    )
    assert all(row["records"] == row["rows"] + row["rejects"] for row in files)
    assert sum(row["records"] for row in answers(demo, "rejects")) == steps["rejects"]
    copies = answers(demo, "duplicates")
    assert all(r["rows"] == r["kept"] + r["snapshots"] + r["exact"] + r["near"] + r["contained"] for r in copies)
    assert sum(row["flagged"] for row in answers(demo, "flagged_models")) == steps["flagged"]
    assert sum(row["redacted"] for row in answers(demo, "pii_languages")) == steps["redacted"]
    assert answers(demo, "turns")[-1]["at_most"] == 1


def test_a_repeated_question_of_few_users_is_not_told(tmp_path: Path) -> None:
    def asked(number: int, group: str, user: str) -> dict[str, Any]:
        question = {"role": "user", "content": f"{group} " * 30}
        told = [question, {"role": "assistant", "content": f"answer {number} " * number}]
        return conversation(number) | {"user": user, "messages": told}

    few = [asked(number, "few", f"u{number % 9}") for number in range(1, 40)]
    many = [asked(number, "many", f"u{number}") for number in range(101, 111)]
    logs = write_jsonl(tmp_path / "log.jsonl", few + many)
    run(recipe([logs]), tmp_path / "run", workers=1)
    with connect(tmp_path / "run") as connection:
        (told,) = answers(connection, "repeated_prompts")
    assert (told["conversations"], told["users"]) == (10, 10)


def test_a_million_conversations_ask_for_no_texts() -> None:
    """A report over conversations or messages would read gigabytes: benchmarks/sql.py tells what that costs."""
    for one in REPORTS:
        query = re.sub(r"--.*", "", one.sql)
        assert not re.search(r"\b(FROM|JOIN)\s+(conversations|messages|pii|contamination)\b", query, re.IGNORECASE), (
            one.name
        )
