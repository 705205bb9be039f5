"""The published formats: exact columns, and what the schema cannot say."""

from __future__ import annotations

from typing import Any, get_args

import duckdb
import pyarrow as pa
import pytest

from chatlog.release.formats import FORMATS
from chatlog.schema import CATEGORIES, JUDGMENT, PUBLISHED
from chatlog.settings import ReleaseSpec
from tests.conftest import ROOT
from tests.release.dataset_cards import CARDS, features_of
from tests.release.told_rows import said


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_columns_are_those_of_the_dataset_s_card(name: str) -> None:
    datasets = pytest.importorskip("datasets")
    assert datasets.Features.from_arrow_schema(PUBLISHED[name]) == datasets.Features(features_of(CARDS[name]))
    assert PUBLISHED[name].names == list(CARDS[name])


def test_every_format_is_known_everywhere() -> None:
    assert set(FORMATS) == set(PUBLISHED) == set(get_args(ReleaseSpec.model_fields["format"].annotation))
    for name, known in FORMATS.items():
        assert {known.id, *known.sort} <= set(known.schema.names)
        spec = ReleaseSpec.model_validate({"select": "a", "card": "b", "format": name})
        assert (known.conversations_a_row == 1) == (spec.unit is None)


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
            pa.Table.from_pylist([{"id": "a", "messages": said("x", None)}], schema=PUBLISHED["training"]),
            "do not end with an answer",
        ),
        (
            "training",
            pa.Table.from_pylist([{"id": "a", "messages": said("x", "y")}], schema=PUBLISHED["training"]),
            None,
        ),
        (
            "chatbot_arena_conversations",
            pa.Table.from_pylist(
                [
                    {
                        "question_id": "a",
                        "winner": "b",
                        "conversation_a": said("x", "y"),
                        "conversation_b": said("x", "z"),
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
