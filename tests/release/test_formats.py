"""The published formats: what each recipe makes of the demo."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.errors import ReleaseRefused
from chatlog.query import release_queries
from chatlog.release.export import export
from chatlog.release.formats import FORMATS
from chatlog.schema import CATEGORIES
from tests.conftest import ROOT
from tests.release.dataset_cards import CARDS, features_of
from tests.release.told_rows import failed, rows_of

RECIPES = {
    "lmsys_chat": "lmsys-chat-1m",
    "arena": "chatbot_arena_conversations",
    "wildchat": "wildchat-1m",
    "training": "training",
    "training_high_quality": "training",
    "training_upvote": "training",
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_finished_run_is_released_in_each_format_and_opens_with_datasets(
    curated: Path, tmp_path: Path, name: str
) -> None:
    datasets = pytest.importorskip("datasets")
    # The demo's models are invented ones, none of OpenAI's or Anthropic's.
    asked = ["release.parameters={selection='high_quality', providers='^(ember|tansy)'}"] if "high" in name else []
    made = export(curated / "run", tmp_path / "out", ROOT / f"pipelines/{name}.toml", asked)
    assert failed(tmp_path / "out") == set()
    known = FORMATS[RECIPES[name]]
    loaded = datasets.load_dataset(
        "parquet",
        data_files={split.name: [str(tmp_path / "out" / file) for file in split.files] for split in made.splits},
        cache_dir=str(tmp_path / "cache"),
    )
    declared = datasets.Features(features_of(CARDS[known.name]))
    for split in made.splits:
        features = loaded[split.name].features
        assert {column: features[column] for column in declared} == dict(declared)
        assert list(features)[: len(declared)] == list(declared)
        assert len(loaded[split.name]) == split.rows
    assert sum(split.rows for split in made.splits) * known.conversations_a_row == made.released
    # The flat columns beside the nested ones: nothing in them that a viewer cannot sort by, but for one list of names.
    flat = pq.read_schema(tmp_path / "out" / made.files[0])
    deep = [field.name for field in flat if field.name not in declared and pa.types.is_nested(field.type)]
    assert deep in ([], ["flagged_categories"])
    assert made.released > 10


def test_a_selection_of_nothing_is_a_release_of_no_rows(curated: Path, tmp_path: Path) -> None:
    made = export(curated / "run", tmp_path / "out", ROOT / "pipelines/training_high_quality.toml")
    assert made.released == 0 and made.files == ["data/train-00000-of-00001.parquet"]
    assert failed(tmp_path / "out") == set()
    assert pq.read_table(tmp_path / "out" / made.files[0]).num_rows == 0


def test_flat_columns_say_what_the_nested_ones_say(curated: Path, tmp_path: Path) -> None:
    for name in ("lmsys_chat", "wildchat", "arena"):
        export(curated / "run", tmp_path / name, ROOT / f"pipelines/{name}.toml")
        seen = set()
        for row in rows_of(tmp_path / name):
            nested = row["openai_moderation"]
            judgments = nested if isinstance(nested, list) else [nested]
            for category in CATEGORIES:
                highest = max(judgment["category_scores"][category] for judgment in judgments)
                assert row["score_" + category.replace("/", "_").replace("-", "_")] == pytest.approx(highest, rel=1e-6)
            hit = [c for c in CATEGORIES if any(judgment["categories"][c] for judgment in judgments)]
            assert row["flagged_categories"] == hit
            assert row["flagged"] == any(judgment["flagged"] for judgment in judgments)
            seen.add(row["flagged"])
        assert seen == ({True, False} if name != "arena" else {False})


def test_wildchat_s_categories_of_two_words_stand_under_both_names(curated: Path, tmp_path: Path) -> None:
    export(curated / "run", tmp_path / "out", ROOT / "pipelines/wildchat.toml")
    for row in rows_of(tmp_path / "out"):
        for judgment in row["openai_moderation"]:
            for told in ("categories", "category_scores"):
                for name in CATEGORIES:
                    assert judgment[told][name] == judgment[told][name.replace("/", "_").replace("-", "_")]


def test_wildchat_tells_nothing_of_users_unless_asked(curated: Path, tmp_path: Path) -> None:
    wildchat = ROOT / "pipelines/wildchat.toml"
    export(curated / "run", tmp_path / "shut", wildchat)
    hidden = ("hashed_ip", "country", "state", "header")
    for row in rows_of(tmp_path / "shut"):
        assert {row[name] for name in hidden} == {None}
        assert {message[name] for message in row["conversation"] for name in (*hidden, "turn_identifier")} == {None}
        assert row["timestamp"] is None or row["timestamp"].minute == row["timestamp"].second == 0
    asked = "release.parameters={users=true, places=true, time='none'}"
    with pytest.raises(ReleaseRefused, match="groups of country, state are of fewer than 10 users"):
        export(curated / "run", tmp_path / "open", wildchat, [asked])
    export(curated / "run", tmp_path / "open", wildchat, [asked, "release.min_users=1"])
    opened = rows_of(tmp_path / "open")
    users = Counter(row["hashed_ip"] for row in opened if row["hashed_ip"])
    assert len(users) > 20 and users.most_common(1)[0][1] > 1
    told = duckdb.sql(f"SELECT DISTINCT user_key FROM '{curated}/run/ingest/*.parquet'").fetchall()
    assert not set(users) & {key for (key,) in told}
    assert {row["country"] for row in opened} - {None}
    assert {row["timestamp"] for row in opened} == {None}
    assert {row["header"] for row in opened} == {None}


def test_languages_of_wildchat_s_messages_are_named(curated: Path, tmp_path: Path) -> None:
    export(curated / "run", tmp_path / "out", ROOT / "pipelines/wildchat.toml")
    named = Counter(message["language"] for row in rows_of(tmp_path / "out") for message in row["conversation"])
    assert named["English"] > 100 and len(named) > 5
    assert not [name for name in named if name is None or (name.islower() and name != "unknown")]


def test_training_rows_are_questions_and_answers_by_turns(curated: Path, tmp_path: Path) -> None:
    made = export(curated / "run", tmp_path / "out", ROOT / "pipelines/training.toml")
    rows = rows_of(tmp_path / "out")
    for row in rows:
        roles = [message["role"] for message in row["messages"]]
        roles = roles[1:] if roles[0] == "system" else roles
        assert roles == ["user", "assistant"] * row["turn"] and row["turn"] > 0
        assert all(message["content"] for message in row["messages"])
        assert row["flagged"] is False
    assert any(row["messages"][0]["role"] == "system" for row in rows)
    assert made.dropped["flagged"] > 0 and made.dropped["not question and answer by turns"] > 0


@pytest.mark.parametrize(
    ("said", "truncated", "reason", "kept"),
    [
        ("ua", False, None, 2),
        ("uaua", True, None, 2),  # the last answer is cut: it goes, and its question with it
        ("uau", True, None, 2),  # the last answer is missing
        ("uau", False, None, 2),
        ("ua", True, "no whole answer", None),
        ("uuaa", False, "not question and answer by turns", None),
        ("uta", False, "not question and answer by turns", None),
        ("auua", False, "not question and answer by turns", None),
        ("u-", False, "no whole answer", None),
    ],
)
def test_training_cuts_after_the_last_whole_answer(said: str, truncated: bool, reason: str | None, kept: int) -> None:
    roles = {"u": ("user", "x"), "a": ("assistant", "y"), "t": ("tool", "z"), "-": ("assistant", "")}
    messages = [dict(zip(("role", "content"), roles[letter], strict=True)) for letter in said]
    row = {
        "row_id": 0,
        "kept": True,
        "truncated": truncated,
        "messages": messages,
        "model": "m",
        "conversation_id": "c",
    }
    empty = "duplicate_kind duplicate_of semantic_duplicate_of moderation_status flagged contaminated feedback"
    more = (
        "winner battle_side system language language_code topic_id cluster_size prompt_cluster_size redacted created_at"
    )
    decide, publish = release_queries(ROOT / "sql/release/training.sql")
    with duckdb.connect() as connection:
        connection.register("conversations", pa.Table.from_pylist([row | dict.fromkeys(f"{empty} {more}".split())]))
        assert connection.execute(decide).fetchall() == [(0, reason)]
        if reason is None:
            typed = "system::VARCHAR AS system, created_at::TIMESTAMP AS created_at"
            connection.execute(f"CREATE VIEW released AS SELECT * REPLACE ({typed}) FROM conversations")
            connection.execute("CREATE TABLE topics (topic_id INT, label VARCHAR)")
            connection.execute("CREATE TABLE told_topics (topic_id INT)")
            (found,) = connection.execute(publish).fetchall()
            assert found[1] == messages[:kept]


def test_the_upvote_selection_takes_voted_answers_of_open_models(curated: Path, tmp_path: Path) -> None:
    upvote = ROOT / "pipelines/training_upvote.toml"
    made = export(curated / "run", tmp_path / "out", upvote)
    asked = "release.parameters={selection='upvote', providers='^tansy'}"
    other = export(curated / "run", tmp_path / "other", upvote, [asked])
    ids = {row["id"] for row in rows_of(tmp_path / "out")}
    voted = duckdb.sql(
        f"SELECT k.conversation_id FROM '{curated}/run/ingest/*.parquet' AS v "
        f"JOIN '{curated}/run/dedup/*.parquet' AS d USING (row_id) "
        f"JOIN '{curated}/run/ingest/*.parquet' AS k ON k.row_id = coalesce(d.duplicate_of, v.row_id) "
        "WHERE v.feedback = 'upvote' OR v.winner = 'model_' || v.battle_side"
    ).fetchall()
    assert 10 < len(ids) == made.released and ids <= {name for (name,) in voted}
    assert other.dropped["model of OpenAI or Anthropic"] > 0
    tansy = {row["model"] for row in rows_of(tmp_path / "out") if row["model"].startswith("tansy")}
    assert tansy and not tansy & {row["model"] for row in rows_of(tmp_path / "other")}
