"""`overlap` on a run that is there: nothing else is touched, and nothing goes stale unseen."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.engine.run import keep_pipeline, pipeline_of
from chatlog.engine.status import status
from chatlog.errors import ConfigError
from chatlog.explain import explain
from chatlog.overlap import overlap
from chatlog.pipeline import load, parse
from chatlog.query import connect, rows_of
from chatlog.release.export import export
from tests.conftest import CHATS, ROOT, conversation, parts, recipe, write_jsonl

SHARED = CHATS.parent
MT_BENCH = SHARED / "judge_mtbench" / "mtbench_questions.jsonl.gz"
ARENA_HARD = SHARED / "judge_arena_hard" / "questions.jsonl.gz"

QUESTION = "Which rivers flow into the Black Sea, and which of them is the longest of all in its lower course?"
RIDDLE = "What has keys and opens no door, yet is heard in every house?"
STAGES = ["fingerprint", "dedup", "redact", {"use": "language", "where": "kept"}]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return write_jsonl(
        tmp_path / "rivers.jsonl", [{"id": "q1", "question": QUESTION}, {"id": "q2", "question": RIDDLE}]
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    records = [conversation(number) for number in range(30)]
    records[3]["messages"][0]["content"] = QUESTION
    records[14]["messages"][1]["content"] = f"You may ask: {RIDDLE} Nobody knows."
    records[25]["messages"][0]["content"] = QUESTION.replace("course", "part").replace("Sea,", "Sea")
    return write_jsonl(tmp_path / "logs" / "a.jsonl", records)


@pytest.fixture
def made(tmp_path: Path, logs: Path) -> Path:
    run(recipe([logs], STAGES, shard_rows=10), tmp_path / "run", workers=1)
    return tmp_path / "run"


def left(root: Path) -> dict[str, int]:
    return {stage.stage: stage.left for stage in status(root)}


def test_only_the_new_stage_is_made_and_no_other_is_stale(made: Path, items: Path, logs: Path) -> None:
    before = parts(made)
    logs.unlink()  # the sources are not needed
    found = overlap(made, [items], workers=1)
    assert (found.conversations, found.contaminated, found.made) == (30, 3, 3)
    after = parts(made)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"overlap"}
    assert left(made) == dict.fromkeys(("ingest", "overlap", "fingerprint", "dedup", "redact", "language"), 0)
    assert overlap(made, [items], workers=1).made == 0


def test_what_is_counted(made: Path, items: Path) -> None:
    (told,) = overlap(made, [items]).benchmarks
    assert (told.benchmark, told.items, told.found) == ("rivers", 2, 2)
    assert (told.exact, told.ngram, told.below) == (2, 1, 0)
    assert told.top == [{"item": "q1", "exact": 1, "ngram": 1}, {"item": "q2", "exact": 1, "ngram": 0}]
    (stricter,) = overlap(made, [f"{items.stem}={items}"]).benchmarks
    assert stricter == told


def test_sql_explain_and_a_release_see_it(made: Path, items: Path) -> None:
    overlap(made, [items])
    with connect(made) as connection:
        hits = rows_of(
            connection, "SELECT conversation_id, item, message, role, kind FROM contamination ORDER BY row_id"
        )
        kept = rows_of(connection, "SELECT count(*) AS n FROM conversations WHERE NOT coalesce(contaminated, false)")
    assert [tuple(hit.values()) for hit in hits] == [
        ("c3", "q1", 0, "user", "exact"),
        ("c14", "q2", 1, "assistant", "exact"),
        ("c25", "q1", 0, "user", "ngram"),
    ]
    assert kept == [{"n": 27}]
    (told,) = explain(made, "c14")
    assert "    message 1 (assistant): rivers q2, whole" in list(told.lines())
    assert told.to_json()["contaminated"] is True
    (told,) = explain(made, "c0")
    assert "  overlap      not contaminated" in list(told.lines())


def test_the_line_of_the_documents_leaves_them_out_of_a_release(made: Path, items: Path, tmp_path: Path) -> None:
    (line,) = re.findall(r"^ +WHEN coalesce.contaminated.*$", (ROOT / "docs" / "overlap.md").read_text(), re.MULTILINE)
    query = (ROOT / "sql" / "release" / "lmsys_chat.sql").read_text()
    assert query.count("       END AS reason") == 1
    (tmp_path / "release.sql").write_text(query.replace("       END AS reason", f"{line}\n       END AS reason"))
    folder, pipeline = pipeline_of(made)
    card = ROOT / "data_cards" / "lmsys_chat.md.j2"
    release = {"select": str(tmp_path / "release.sql"), "card": str(card)}
    keep_pipeline(folder, parse({**pipeline.data, "release": release}, ROOT))
    for reasons in ({None: 30}, {None: 27, "benchmark item": 3}):
        with connect(made) as connection:
            rows = rows_of(connection, "SELECT reason, count(*) AS n FROM decisions GROUP BY reason")
        assert {row["reason"]: row["n"] for row in rows} == reasons
        overlap(made, [items])
    assert str(tmp_path) not in str([step.config.identity() for step in pipeline_of(made)[1].steps])
    assert export(made, tmp_path / "dataset").dropped == {"benchmark item": 3}
    provenance = (tmp_path / "dataset" / "provenance.json").read_text()
    assert '"rivers"' in provenance and str(tmp_path) not in provenance


def test_messages_are_read_before_redaction(tmp_path: Path) -> None:
    question = "Write to Ruth Okafor at ruth.okafor@example.org and ask her for the keys of the boat house."
    logs = write_jsonl(tmp_path / "a.jsonl", [{"messages": [{"role": "user", "content": question}]}])
    run(recipe([logs], ["redact"]), tmp_path / "run", workers=1)
    assert question not in str(pq.read_table(tmp_path / "run" / "redact" / "part-00000.parquet").to_pylist())
    bench = write_jsonl(tmp_path / "bench.jsonl", [{"text": question}])
    assert overlap(tmp_path / "run", [bench]).contaminated == 1


def test_a_changed_benchmark_is_stale_and_a_moved_one_is_not(made: Path, items: Path, tmp_path: Path) -> None:
    overlap(made, [items])
    moved = tmp_path / "elsewhere" / items.name
    moved.parent.mkdir()
    moved.write_bytes(items.read_bytes())
    assert overlap(made, [moved]).made == 0
    write_jsonl(moved, [{"id": "q2", "question": RIDDLE}])
    assert left(made)["overlap"] == 3
    again = overlap(made, [moved])
    assert (again.made, again.contaminated) == (3, 1)
    moved.unlink()
    with pytest.raises(ConfigError, match="no such benchmark file"):
        status(made)
    with connect(made) as connection:  # a run is read without it
        assert rows_of(connection, "SELECT count(*) AS n FROM conversations WHERE contaminated") == [{"n": 1}]


def test_the_same_recipe_run_again_takes_the_column_out_and_spoils_nothing(made: Path, items: Path, logs: Path) -> None:
    overlap(made, [items])
    again = run(recipe([logs], STAGES, shard_rows=10), made, workers=1)
    assert set(again.made.values()) == {0}
    with connect(made) as connection:
        assert rows_of(connection, "SELECT count(contaminated) AS n FROM conversations") == [{"n": 0}]
    assert overlap(made, [items]).made == 0
    # Named in the recipe, the stage is done already.
    named = recipe([logs], [{"use": "overlap", "benchmarks": [str(items)]}, *STAGES], shard_rows=10)
    assert set(run(named, made, workers=1).made.values()) == {0}


def test_settings_of_a_recipe_are_kept_and_paths_resolve_against_it(tmp_path: Path, logs: Path, items: Path) -> None:
    file = tmp_path / "recipes" / "mine.toml"
    file.parent.mkdir()
    file.write_text(
        f'[[source]]\nreader = "openai_messages"\npaths = ["../logs"]\n[[stage]]\nuse = "fingerprint"\n'
        f'[[stage]]\nuse = "overlap"\nbenchmarks = ["../{items.name}"]\nmin_share = 1.0\n'
    )
    assert run(load(file), tmp_path / "run", workers=1).made["overlap"] == 1
    before = parts(tmp_path / "run")
    found = overlap(tmp_path / "run", [items])
    assert (found.made, found.contaminated) == (0, 2)  # the n-gram hit is below 1
    assert (found.benchmarks[0].ngram, found.benchmarks[0].below) == (0, 1)
    assert parts(tmp_path / "run") == before
    _, pipeline = pipeline_of(tmp_path / "run")
    assert [step.stage.name for step in pipeline.steps] == ["fingerprint", "overlap"]


def test_bytes_do_not_depend_on_workers_or_an_interruption(made: Path, items: Path) -> None:
    overlap(made, [items], workers=1)
    one = parts(made)
    (made / "overlap" / "part-00001.json").unlink()
    assert overlap(made, [items], workers=1).made == 1
    assert parts(made) == one
    for file in (made / "overlap").iterdir():
        file.unlink()
    assert overlap(made, [items], workers=2).made == 3
    assert parts(made) == one


def test_a_mistake_leaves_the_run_as_it_was(made: Path, items: Path, tmp_path: Path) -> None:
    before = (made / "run.json").read_bytes()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("not json\n")
    for benchmarks, message in (
        ([bad], "record 0: JSON breaks off"),
        ([tmp_path / "none.jsonl"], "no such benchmark file"),
        ([items, items], "two benchmarks are named 'rivers'"),
    ):
        with pytest.raises(ConfigError, match=message):
            overlap(made, benchmarks)
    with pytest.raises(ConfigError, match="has no field 'body'"):
        overlap(made, [items], fields=["body"])
    assert (made / "run.json").read_bytes() == before and not (made / "overlap").exists()
    (made / "ingest" / "part-00001.json").unlink()
    with pytest.raises(ConfigError, match="ingest has 1 shards left"):
        overlap(made, [items])
    assert (made / "run.json").read_bytes() == before
    with pytest.raises(ConfigError, match="not a run folder"):
        overlap(tmp_path / "none", [items])


def test_no_text_of_an_item_or_a_conversation_is_stored(made: Path, items: Path) -> None:
    overlap(made, [items])
    for file in (made / "overlap").iterdir():
        data = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else file.read_text()
        assert "Black" not in data and "keys" not in data
    assert "Black" not in (made / "run.json").read_text()


def test_a_benchmark_of_templates_and_a_log_of_them_take_time_in_proportion(tmp_path: Path) -> None:
    template = "Read the story with care and answer the question after it in one short sentence and in no more words"
    bench = write_jsonl(tmp_path / "bench.jsonl", [{"text": f"{template} {number}"} for number in range(5000)])
    talk = [{"messages": [{"role": "user", "content": f"{template} x{number}"}]} for number in range(5000)]
    talk.append({"messages": [{"role": "user", "content": " ".join(["a"] * 500_000)}]})
    logs = write_jsonl(tmp_path / "a.jsonl", talk)
    run(recipe([logs], []), tmp_path / "run", workers=1)
    begun = time.perf_counter()
    assert overlap(tmp_path / "run", [bench], workers=1).contaminated == 0
    assert time.perf_counter() - begun < 30


@pytest.mark.eval
def test_mt_bench_and_arena_hard_are_found_in_logs_of_them_and_not_in_others(tmp_path: Path) -> None:
    if not (MT_BENCH.exists() and ARENA_HARD.exists() and CHATS.exists()):
        pytest.skip(f"{SHARED} is absent: benchmarks and logs do not ship with the project")
    arena = [CHATS / "arena_hard_v01_gpt35.jsonl.gz", CHATS / "arena_hard_v2_o3mini.jsonl.gz"]
    answers = CHATS / "mtbench_answers_messages.jsonl.gz"
    other = [CHATS / f"{name}.jsonl.gz" for name in ("hh_rlhf_harmless_test", "oasst2_trees", "sharegpt_zh_1k")]
    run(recipe([*arena, answers, *other], [], reader="auto"), tmp_path / "run")
    found = overlap(tmp_path / "run", [f"mt_bench={MT_BENCH}", f"arena_hard={ARENA_HARD}"])
    assert (found.benchmarks[1].items, found.benchmarks[1].found) == (818, 818)
    with connect(tmp_path / "run") as connection:
        rows = rows_of(
            connection,
            "SELECT source, count(*) AS n, count(*) FILTER (contaminated) AS hits FROM conversations GROUP BY source",
        )
        # The id of an answer begins with its question's.
        answered = rows_of(
            connection,
            "SELECT conversation_id, list(DISTINCT item) AS items FROM contamination "
            "WHERE benchmark = 'mt_bench' AND kind = 'exact' GROUP BY ALL",
        )
    told = {row["source"]: (row["n"], row["hits"]) for row in rows}
    for path in (*arena, answers):
        assert told[path.name][0] == told[path.name][1] > 0, path.name
    assert [told[path.name][1] for path in other] == [0, 0, 0]
    assert len(answered) == told[answers.name][0]
    assert all(row["items"] == [row["conversation_id"].partition("_")[0]] for row in answered)
