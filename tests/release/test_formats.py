"""The published formats: exact columns, and what each is made of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, get_args

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog import run
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.pipeline import parse
from chatlog.query import release_queries
from chatlog.release.export import Release, export
from chatlog.release.formats import FORMATS
from chatlog.release.verify import verify
from chatlog.schema import CATEGORIES, JUDGMENT, PUBLISHED
from chatlog.settings import ReleaseSpec
from tests.conftest import ROOT, recipe, write_jsonl

# The types of the datasets' own cards (`dataset_info`), in their order.
_CATEGORIES = (
    "harassment harassment/threatening hate hate/threatening self-harm self-harm/instructions self-harm/intent "
    "sexual sexual/minors violence violence/graphic"
).split()
_SPELLED = (
    "harassment harassment/threatening harassment_threatening hate hate/threatening hate_threatening self-harm "
    "self-harm/instructions self-harm/intent self_harm self_harm_instructions self_harm_intent sexual sexual/minors "
    "sexual_minors violence violence/graphic violence_graphic"
).split()
_SAID = [{"content": "string", "role": "string"}]
_DETOXIFY = "identity_attack insult obscene severe_toxicity sexual_explicit threat toxicity".split()
_HEADER = {"accept-language": "string", "user-agent": "string"}
_TIME = "timestamp[us, tz=UTC]"


def _judged(names: list[str]) -> dict[str, Any]:
    return {
        "categories": dict.fromkeys(names, "bool"),
        "category_scores": dict.fromkeys(names, "float64"),
        "flagged": "bool",
    }


CARDS: dict[str, dict[str, Any]] = {
    "lmsys-chat-1m": {
        "conversation_id": "string",
        "model": "string",
        "conversation": _SAID,
        "turn": "int64",
        "language": "string",
        "openai_moderation": [_judged(_CATEGORIES)],
        "redacted": "bool",
    },
    "chatbot_arena_conversations": {
        "question_id": "string",
        "model_a": "string",
        "model_b": "string",
        "winner": "string",
        "judge": "string",
        "conversation_a": _SAID,
        "conversation_b": _SAID,
        "turn": "int64",
        "anony": "bool",
        "language": "string",
        "tstamp": "float64",
        "openai_moderation": _judged(_CATEGORIES),
        "toxic_chat_tag": {
            "roberta-large": {"flagged": "bool", "probability": "float64"},
            "t5-large": {"flagged": "bool", "score": "float64"},
        },
    },
    "wildchat-1m": {
        "conversation_hash": "string",
        "model": "string",
        "timestamp": _TIME,
        "conversation": [
            {
                "content": "string",
                "country": "string",
                "hashed_ip": "string",
                "header": _HEADER,
                "language": "string",
                "redacted": "bool",
                "role": "string",
                "state": "string",
                "timestamp": _TIME,
                "toxic": "bool",
                "turn_identifier": "int64",
            }
        ],
        "turn": "int64",
        "language": "string",
        "openai_moderation": [_judged(_SPELLED)],
        "detoxify_moderation": [dict.fromkeys(_DETOXIFY, "float64")],
        "toxic": "bool",
        "redacted": "bool",
        "state": "string",
        "country": "string",
        "hashed_ip": "string",
        "header": _HEADER,
    },
    "training": {
        "id": "string",
        "messages": [{"role": "string", "content": "string"}],
        "model": "string",
        "language": "string",
        "turn": "int64",
    },
}

RECIPES = {
    "lmsys_chat": "lmsys-chat-1m",
    "arena": "chatbot_arena_conversations",
    "wildchat": "wildchat-1m",
    "training": "training",
    "training_high_quality": "training",
    "training_upvote": "training",
}


def _features(card: Any) -> Any:
    from datasets import List, Value

    if isinstance(card, list):
        return List(_features(card[0]))
    if isinstance(card, dict):
        return {name: _features(kind) for name, kind in card.items()}
    return Value(card)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_columns_are_those_of_the_dataset_s_card(name: str) -> None:
    datasets = pytest.importorskip("datasets")
    assert datasets.Features.from_arrow_schema(PUBLISHED[name]) == datasets.Features(_features(CARDS[name]))
    assert PUBLISHED[name].names == list(CARDS[name])


def test_every_format_is_known_everywhere() -> None:
    assert set(FORMATS) == set(PUBLISHED) == set(get_args(ReleaseSpec.model_fields["format"].annotation))
    for name, known in FORMATS.items():
        assert {known.id, *known.sort} <= set(known.schema.names)
        spec = ReleaseSpec.model_validate({"select": "a", "card": "b", "format": name})
        assert (known.conversations_a_row == 1) == (spec.unit is None)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((folder / "data").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def failed(folder: Path, run_folder: Path | None = None) -> set[str]:
    return {check.name for check in verify(folder, run_folder) if not check.ok}


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
    declared = datasets.Features(_features(CARDS[known.name]))
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


# Battles, as lmsys/chatbot_arena_conversations tells them.


def _said(question: str, answer: str | None) -> list[dict[str, Any]]:
    asked = [{"content": question, "role": "user"}]
    return asked + ([{"content": answer, "role": "assistant"}] if answer is not None else [])


def _words(number: int) -> str:
    return " ".join(f"w{(number * 7919 + index * 31) % 99991}" for index in range(20))


def battle(number: int, answers: tuple[str | None, str | None] | None = None, **more: Any) -> dict[str, Any]:
    question = _words(number)
    first, second = answers or (_words(1000 + number), _words(2000 + number))
    return {
        "question_id": f"q{number}",
        "model_a": "tansy-34b",
        "model_b": "quill-2",
        "winner": "model_a",
        "judge": f"arena_user_{number % 3}",
        "conversation_a": _said(question, first),
        "conversation_b": _said(question, second),
        "turn": 1,
        "anony": True,
        "language": "English",
        "tstamp": 1_682_351_591.12 + number,
        **more,
    }


def released(
    tmp_path: Path, records: list[Any], fields: dict[str, Any] | None = None, reader: str = "arena"
) -> Release:
    logs = write_jsonl(tmp_path / "logs.jsonl", records)
    stages = ["fingerprint", "dedup", {"use": "redact", "names_model": ""}]
    data = dict(recipe([logs], stages, reader=reader).data)
    data["release"] = {
        "select": str(ROOT / "sql/release/arena.sql"),
        "card": str(ROOT / "data_cards/arena.md.j2"),
        "format": "chatbot_arena_conversations",
    } | (fields or {})
    run(parse(data, ROOT), tmp_path / "run", workers=1)
    made = export(tmp_path / "run", tmp_path / "out")
    assert failed(tmp_path / "out", tmp_path / "run") == set()
    return made


def test_battles_are_released_with_what_the_log_says_of_them(tmp_path: Path) -> None:
    tag = {
        "roberta-large": {"flagged": False, "probability": 0.25},
        "t5-large": {"flagged": "yes, perhaps", "score": "0.5"},
    }
    made = released(tmp_path, [battle(1, toxic_chat_tag=tag), battle(2, winner="tie (bothbad)"), battle(4)])
    first, second, third = sorted(rows_of(tmp_path / "out"), key=lambda row: str(row["question_id"]))
    assert made.released == 6 and made.dropped == {}
    assert first["conversation_a"] == battle(1)["conversation_a"]
    assert first["conversation_b"] == battle(1)["conversation_b"]
    assert (first["model_a"], first["model_b"], first["winner"]) == ("tansy-34b", "quill-2", "model_a")
    assert (second["winner"], second["anony"], second["turn"]) == ("tie (bothbad)", True, 1)
    # A word is no flag; a number in quotes is one.
    assert first["toxic_chat_tag"] == {
        "roberta-large": {"flagged": False, "probability": 0.25},
        "t5-large": {"flagged": None, "score": 0.5},
    }
    assert second["toxic_chat_tag"] is None
    assert first["tstamp"] == 1_682_351_591 // 3600 * 3600
    assert first["judge"] == third["judge"] != second["judge"]
    assert all(row["judge"].startswith("arena_user_") and len(row["judge"]) == 27 for row in (first, second))
    # Nobody judged: null, not "unflagged".
    assert first["openai_moderation"] is None and first["flagged"] is None and first["flagged_categories"] is None


def test_a_battle_is_dropped_as_a_whole_and_each_side_says_why(tmp_path: Path) -> None:
    records = [
        battle(1),
        battle(2, answers=(_words(77), None)),
        battle(3, answers=("", _words(78))),
        battle(4, winner=None),
        battle(1),  # told twice
        battle(5, answers=(_words(1005), _words(79))),
        battle(5, answers=(_words(1005), _words(80)), model_b="larch"),  # a side said just so in the battle before
    ]
    made = released(tmp_path, records, {"parameters": {"judges": False, "time": "none"}})
    assert made.released == 4
    assert {row["question_id"] for row in rows_of(tmp_path / "out")} == {"q1", "q5"}
    assert made.dropped.pop("no answer") == 2 and made.dropped.pop("other side: no answer") == 2
    assert made.dropped.pop("no vote") == 2
    assert sum(made.dropped.values()) == 4
    assert all("duplicate: " in reason for reason in made.dropped)
    assert any(reason.startswith("other side: duplicate") for reason in made.dropped)
    assert {row["judge"] for row in rows_of(tmp_path / "out")} == {None}
    assert {row["tstamp"] for row in rows_of(tmp_path / "out")} == {None}


def test_battles_whose_conversations_were_logged_beside_the_vote_are_released(curated: Path, tmp_path: Path) -> None:
    """The demo's votes are lines of a server that logs the two conversations as well, and dedup keeps those."""
    made = export(curated / "run", tmp_path / "out", ROOT / "pipelines/arena.toml")
    voted = duckdb.sql(f"SELECT count(*) FROM '{curated}/run/ingest/*.parquet' WHERE battle_id IS NOT NULL").fetchall()
    assert made.released == voted[0][0] > 10
    for row in rows_of(tmp_path / "out"):
        first, second = ([m["content"] for m in row[f"conversation_{side}"] if m["role"] == "user"] for side in "ab")
        assert first == second and row["model_a"] != row["model_b"]


def test_votes_are_released_from_a_battle_whose_talk_went_on(tmp_path: Path) -> None:
    """A vote after the first turn: the battle's text ends where the vote was given, though the kept telling goes on."""
    states = [
        {
            "conv_id": f"c{side}",
            "model_name": f"m-{side}",
            "messages": [["USER", _words(1)], ["ASSISTANT", _words(side)]],
        }
        for side in (10, 20)
    ]
    more = [{**s, "messages": [*s["messages"], ["USER", _words(2)], ["ASSISTANT", _words(3)]]} for s in states]
    vote = {"tstamp": 1.7e9, "type": "leftvote", "models": ["", ""], "states": states, "ip": "192.0.2.1"}
    chats = [{"tstamp": 1.7e9 + n, "type": "chat", "model": s["model_name"], "state": s} for n, s in enumerate(more)]
    made = released(tmp_path, [vote, *chats], reader="fastchat")
    (row,) = rows_of(tmp_path / "out")
    assert made.released == 2 and made.dropped == {"no battle": 2}
    assert [message["content"] for message in row["conversation_a"]] == [_words(1), _words(10)]
    assert [message["content"] for message in row["conversation_b"]] == [_words(1), _words(20)]


def test_a_recipe_that_needs_a_stage_more_is_refused_by_name(tmp_path: Path) -> None:
    released(tmp_path, [battle(1)])
    with pytest.raises(
        ConfigError, match=r"lacks the stage language, whose columns language, language_code arena\.sql"
    ):
        export(tmp_path / "run", tmp_path / "other", ROOT / "pipelines/arena.toml")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("parameters={judge=true}", r"arena\.sql reads no 'judge' \(did you mean 'judges'\?\)"),
        ("sort=['model']", r"no column 'model' \(did you mean 'model_[ab]'"),
        ("split_by='users'", r"no column 'users'"),
        ("splits={train=0.5}", r"should sum to 1, found 0\.5"),
        ("splits={'a/b'=1.0}", r"no name of a split"),
        ("format='lmsys'", r"format: Input should be 'lmsys-chat-1m', "),
        ("sample=1.5", r"sample is a whole number of rows, or a share"),
    ],
)
def test_settings_that_do_not_fit_are_told(curated: Path, tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        export(curated / "run", tmp_path / "out", ROOT / "pipelines/arena.toml", [f"release.{setting}"])
    assert not list(tmp_path.iterdir())


# What the schema cannot say.


def _lmsys(**change: Any) -> pa.Table:
    judgment = {"categories": None, "category_scores": None, "flagged": None}
    row = {"conversation_id": "c", "conversation": [{"content": "x", "role": "user"}], "openai_moderation": [judgment]}
    return pa.Table.from_pylist([row | change], schema=PUBLISHED["lmsys-chat-1m"])


@pytest.mark.parametrize(
    ("name", "table", "fault"),
    [
        ("lmsys-chat-1m", _lmsys(), None),
        ("lmsys-chat-1m", _lmsys(openai_moderation=[]), "one judgment a message"),
        ("lmsys-chat-1m", _lmsys(openai_moderation=None), "one judgment a message"),
        ("lmsys-chat-1m", _lmsys(conversation_id=None), "conversation_id is empty"),
        ("lmsys-chat-1m", _lmsys(conversation=[], openai_moderation=[]), "conversation is empty"),
        ("lmsys-chat-1m", _lmsys(conversation=[{"content": None, "role": "user"}]), "without a content"),
        ("lmsys-chat-1m", _lmsys().drop_columns(["turn"]), "the first columns should be"),
        ("lmsys-chat-1m", _lmsys().set_column(3, "turn", pa.array([1], pa.int32())), "turn is int32, expected int64"),
        (
            "training",
            pa.Table.from_pylist([{"id": "a", "messages": _said("x", None)}], schema=PUBLISHED["training"]),
            "do not end with an answer",
        ),
        (
            "training",
            pa.Table.from_pylist([{"id": "a", "messages": _said("x", "y")}], schema=PUBLISHED["training"]),
            None,
        ),
        (
            "chatbot_arena_conversations",
            pa.Table.from_pylist(
                [
                    {
                        "question_id": "a",
                        "winner": "b",
                        "conversation_a": _said("x", "y"),
                        "conversation_b": _said("x", "z"),
                    }
                ],
                schema=PUBLISHED["chatbot_arena_conversations"],
            ),
            "winner is none of",
        ),
    ],
)
def test_faults_of_a_format_are_seen(name: str, table: pa.Table, fault: str | None) -> None:
    found = list(FORMATS[name].faults(table))
    assert (fault is None) == (not found), found
    assert fault is None or any(fault in one for one in found)
    assert not list(FORMATS[name].faults(FORMATS[name].schema.empty_table()))


def test_macros_keep_null_apart_from_unflagged() -> None:
    with duckdb.connect() as connection:
        connection.execute((ROOT / "sql/release/macros.sql").read_text())
        flags = dict.fromkeys(CATEGORIES, False)
        judged = {
            "categories": flags | {"hate": True},
            "category_scores": dict.fromkeys(CATEGORIES, 0.5),
            "flagged": True,
        }
        lists = [[], None, [{"status": "error"}], [judged | {"status": "ok"}, {"status": "error"}]]
        judgments = pa.table({"js": pa.array(lists, pa.list_(JUDGMENT))})  # noqa: F841 - DuckDB reads it by name
        rows = connection.sql(
            "SELECT any_category(js).hate, any_category(js).violence, max_category(js).hate, flagged_categories(js), "
            "flat_scores(js).score_self_harm_intent FROM judgments"
        ).fetchall()
    assert rows[:3] == [(None, None, None, None, None)] * 3
    assert rows[3] == (True, False, 0.5, ["hate"], 0.5)
