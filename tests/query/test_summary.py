"""What is kept beside a run is the same as what it was made from, and never older."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from chatlog.engine.run import pipeline_of, run
from chatlog.engine.store import Run, write_table
from chatlog.errors import DataError
from chatlog.forget import forget
from chatlog.query import connect, rows_of
from chatlog.query.reports import keep_for
from chatlog.query.summary import forget_summary, fresh_decisions, fresh_summary, keep_decisions, keep_summary
from chatlog.query.views import Parts, parts_of
from tests.conftest import conversation, recipe, write_jsonl


def parts(folder: Path) -> Parts:
    return parts_of(*pipeline_of(folder))


def told(folder: Path) -> dict[str, list[dict[str, Any]]]:
    queries = {
        "summary": "FROM summary ORDER BY row_id",
        "decisions": "FROM decisions ORDER BY row_id",
        "funnel": "FROM funnel",
    }
    with connect(folder) as connection:
        return {name: rows_of(connection, query) for name, query in queries.items()}


def test_what_is_kept_tells_what_the_queries_tell(own_run: Path) -> None:
    assert fresh_summary(parts(own_run)) is None and fresh_decisions(parts(own_run)) is None
    live = told(own_run)
    assert len(live["summary"]) == len(live["decisions"]) == 504
    lines: list[str] = []
    keep_for(own_run, "SELECT * FROM funnel", lines.append)
    assert len(lines) == 2
    assert fresh_summary(parts(own_run)) and fresh_decisions(parts(own_run))
    assert told(own_run) == live
    keep_for(own_run, "SELECT * FROM funnel", lines.append)
    assert len(lines) == 2, "nothing is made twice"
    assert {path.stat().st_mode & 0o077 for path in (own_run / "summary").iterdir()} == {0}


def test_figures_are_those_of_another_program(curated: Path) -> None:
    """Polars counts the same from the parts themselves."""
    with connect(curated / "run") as connection:
        rows = rows_of(
            connection, "SELECT row_id, turns, messages, answers, answer_tokens, code FROM summary WHERE kept"
        )
    redacted = pl.concat(
        [pl.read_parquet(path) for path in sorted((curated / "run" / "redact").glob("part-*.parquet"))]
    )
    messages = redacted.filter(pl.col("messages").is_not_null()).select("row_id", "messages").rows()
    expected = {}
    for row_id, talk in messages:
        answers = [
            message["content"] for message in talk if message["role"] == "assistant" and message["content"] is not None
        ]
        tokens = sum(max(1, -(-len(answer.encode()) // 4)) for answer in answers)
        turns = sum(message["role"] == "user" for message in talk)
        expected[row_id] = (turns, len(talk), len(answers), tokens, any("```" in answer for answer in answers))
    assert {row.pop("row_id"): tuple(row.values()) for row in rows} == expected


def test_a_part_that_is_written_anew_is_never_told_from_what_was_kept(own_run: Path) -> None:
    keep_summary(own_run)
    keep_decisions(own_run)
    folder = Run(own_run)
    table = pq.read_table(folder.part("moderate", 0), partitioning=None)
    place = table.column_names.index("moderation_status")
    before = told(own_run)
    failed = table.set_column(place, "moderation_status", pl.Series(["error"] * len(table)).to_arrow().cast("string"))
    write_table(folder.part("moderate", 0), failed)  # the sidecar still tells the old SHA-256
    after = told(own_run)
    assert after["summary"] != before["summary"] and after["decisions"] != before["decisions"]
    assert {row["moderation_status"] for row in after["summary"][: len(table)]} == {"error"}
    keep_for(own_run, "from SUMMARY, decisions")
    assert fresh_summary(parts(own_run)) and told(own_run) == after


def test_another_release_query_is_asked_anew(own_run: Path, tmp_path: Path) -> None:
    keep_decisions(own_run)
    stored = Run(own_run).read_json("run.json") or {}
    text = Path(stored["base"], stored["pipeline"]["release"]["select"]).read_text()
    query = tmp_path / "other.sql"
    query.write_text(text.replace("'only answer is cut or an error'", "'cut'"))
    stored["pipeline"]["release"]["select"] = str(query)
    Run(own_run).write_json("run.json", stored)
    assert {row["reason"] for row in told(own_run)["decisions"]} >= {"cut", "duplicate: exact"}


def test_a_damaged_or_forgotten_file_is_made_again(own_run: Path) -> None:
    live = told(own_run)
    part = own_run / "language" / "part-00001.parquet"
    whole = part.read_bytes()
    part.write_bytes(b"PAR1 damaged")
    with pytest.raises(DataError, match="cannot open the run"):
        keep_summary(own_run)
    part.write_bytes(whole)
    keep_summary(own_run)
    (own_run / "summary" / "figures-00001.parquet").write_bytes(b"PAR1")
    assert fresh_summary(parts(own_run)) is None and told(own_run) == live
    keep_summary(own_run)
    assert told(own_run) == live
    forget_summary(Run(own_run))
    assert not list((own_run / "summary").iterdir()) and told(own_run) == live


def test_a_smaller_log_leaves_nothing_behind(tmp_path: Path) -> None:
    logs = write_jsonl(tmp_path / "log.jsonl", [conversation(number) for number in range(6)])
    run(recipe([logs], shard_rows=2), tmp_path / "run", workers=1)
    keep_summary(tmp_path / "run")
    write_jsonl(logs, [conversation(number) for number in range(2)])
    run(recipe([logs], shard_rows=2), tmp_path / "run", workers=1)
    keep_summary(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run" / "summary").iterdir()) == [
        "figures-00000.json",
        "figures-00000.parquet",
    ]
    with connect(tmp_path / "run") as connection:
        assert rows_of(connection, "SELECT count(*) AS n, sum(turns) AS turns FROM summary") == [{"n": 2, "turns": 2}]


def test_a_run_that_cannot_be_written_still_answers(own_run: Path) -> None:
    (own_run / "summary" / "figures-00000.parquet").mkdir(parents=True)
    with pytest.raises(DataError, match="cannot write"):
        keep_summary(own_run)
    assert len(told(own_run)["summary"]) == 504


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I'm sorry, but I can't do that.", True),
        ("I’m really sorry, but no.", True),
        ("As an AI language model, I cannot have opinions.", True),
        ("Thank you. I cannot assist with this request.", True),
        ("I'm not able to open links.", True),
        ("I'm sorry to hear that you are ill. Rest!", False),
        ("As a language teacher, I know this well.", False),
        ("You cannot help with that here.", False),
        ("x" * 200 + " I'm sorry, but no.", False),
    ],
)
def test_refusals_are_told_by_how_an_answer_opens(tmp_path: Path, answer: str, refuses: bool) -> None:
    record = conversation(1)
    record["messages"][1]["content"] = answer
    run(recipe([write_jsonl(tmp_path / "log.jsonl", [record])], []), tmp_path / "run", workers=1)
    with connect(tmp_path / "run") as connection:
        assert rows_of(connection, "SELECT refusal, code FROM summary") == [{"refusal": refuses, "code": False}]


def test_nothing_is_kept_of_those_who_were_forgotten(own_run: Path) -> None:
    keep_for(own_run, "FROM funnel")
    gone = told(own_run)["summary"][0]["conversation_id"]
    forget(own_run, [gone])
    assert not list((own_run / "summary").glob("*.parquet"))
    assert gone not in {row["conversation_id"] for row in told(own_run)["summary"]}
    keep_summary(own_run)
    kept = pl.concat([pl.read_parquet(path) for path in sorted((own_run / "summary").glob("figures-*.parquet"))])
    assert gone not in kept["conversation_id"].to_list() and len(kept) < 504
