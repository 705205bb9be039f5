"""Battles, as lmsys/chatbot_arena_conversations tells them, and settings that do not fit them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.release.export import export
from tests.conftest import ROOT
from tests.release.told_rows import battle, released, rows_of, words


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
        battle(2, answers=(words(77), None)),
        battle(3, answers=("", words(78))),
        battle(4, winner=None),
        battle(1),  # told twice
        battle(5, answers=(words(1005), words(79))),
        battle(5, answers=(words(1005), words(80)), model_b="larch"),  # a side said just so in the battle before
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
            "messages": [["USER", words(1)], ["ASSISTANT", words(side)]],
        }
        for side in (10, 20)
    ]
    more = [{**s, "messages": [*s["messages"], ["USER", words(2)], ["ASSISTANT", words(3)]]} for s in states]
    vote = {"tstamp": 1.7e9, "type": "leftvote", "models": ["", ""], "states": states, "ip": "192.0.2.1"}
    chats = [{"tstamp": 1.7e9 + n, "type": "chat", "model": s["model_name"], "state": s} for n, s in enumerate(more)]
    made = released(tmp_path, [vote, *chats], reader="fastchat")
    (row,) = rows_of(tmp_path / "out")
    assert made.released == 2 and made.dropped == {"no battle": 2}
    assert [message["content"] for message in row["conversation_a"]] == [words(1), words(10)]
    assert [message["content"] for message in row["conversation_b"]] == [words(1), words(20)]


def test_a_recipe_that_needs_a_stage_more_is_refused_by_name(tmp_path: Path) -> None:
    released(tmp_path, [battle(1)])
    with pytest.raises(
        ConfigError, match=r"lacks the stage language, whose columns language, language_code arena\.sql"
    ):
        export(tmp_path / "run", tmp_path / "other", ROOT / "pipelines/arena.toml")
    assert not (tmp_path / "other").exists()


def test_half_a_battle_is_refused_and_named(tmp_path: Path) -> None:
    query = tmp_path / "half.sql"
    query.write_text("SELECT row_id, CASE WHEN row_id = 3 THEN 'by hand' END AS reason FROM conversations;\nSELECT 1;")
    with pytest.raises(ReleaseRefused, match="1 are released with more or fewer than that: rows 2;") as refused:
        released(tmp_path, [battle(1), battle(2)], {"select": str(query)})
    assert refused.value.rows == [2]


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
