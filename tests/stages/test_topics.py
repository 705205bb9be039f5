from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chatlog.models.embedding_column import DIMENSIONS, EMBEDDING
from chatlog.schema import MESSAGES
from chatlog.stages.topics import TOPICS, TOPICS_TABLE, TopicsConfig, run_topics

pytest.importorskip("sklearn")

SUBJECTS = ("bake bread in the oven", "fix a python traceback", "book a train ticket", "grow tomato plants")


def shard(number: int, size: int, *, seed: int = 0, gaps: bool = True) -> pa.Table:
    """Rows of four subjects, each around a vector of its own; every tenth row has no embedding."""
    rng = np.random.default_rng([seed, number])
    centres = np.random.default_rng(99).normal(size=(len(SUBJECTS), DIMENSIONS))
    which = rng.choice(len(SUBJECTS), size=size, p=[0.4, 0.3, 0.2, 0.1])
    vectors = centres[which] + rng.normal(scale=0.5, size=(size, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) if size else 1
    missing = np.array([gaps and i % 10 == 9 for i in range(size)], dtype=bool)
    messages = [
        [
            {
                "role": "user",
                "content": f"How do I {SUBJECTS[kind]} number {number}-{i}?",
                "name": None,
                "created_at": None,
            }
        ]
        for i, kind in enumerate(which)
    ]
    return pa.table(
        {
            "row_id": pa.array((number << 32) + np.arange(size), pa.int64()),
            "embedding": pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.astype(np.float16).reshape(-1)), type=EMBEDDING, mask=pa.array(missing)
            ),
            "messages": pa.array(messages, MESSAGES),
        }
    )


def run(config: TopicsConfig, *shards: pa.Table) -> tuple[list[pa.Table], pa.Table]:
    readers: list[Callable[[], pa.Table]] = [lambda table=table: table for table in shards]  # type: ignore[misc]
    steps = run_topics(config, readers)
    tables: list[pa.Table] = []
    while True:
        try:
            tables.append(next(steps))
        except StopIteration as end:
            return tables, end.value["topics"]


def test_topics_are_the_subjects_and_are_named_by_their_words() -> None:
    shards = [shard(0, 150), shard(1, 150)]
    tables, topics = run(TopicsConfig(k=4), *shards)
    assert [table.num_rows for table in tables] == [150, 150]
    assert all(table.schema == TOPICS.writes for table in tables) and topics.schema == TOPICS_TABLE
    named = topics.to_pylist()
    subjects = {word: i for i, subject in enumerate(SUBJECTS) for word in subject.split()}
    for topic in named:
        if topic["topic_id"] < 0:
            continue
        about = {subjects[word] for keyword in topic["keywords"] for word in keyword.split() if word in subjects}
        assert len(about) == 1, topic["keywords"]
        (about_one,) = about
        assert all(SUBJECTS[about_one] in example for example in topic["examples"])
    sizes = [topic["size"] for topic in named]
    assert sizes[:4] == sorted(sizes[:4], reverse=True) and sum(sizes) == 300 - 30


def test_sizes_and_medoids_agree_with_the_rows() -> None:
    shards = [shard(0, 120), shard(1, 80)]
    tables, topics = run(TopicsConfig(k=4), *shards)
    rows = pa.concat_tables(
        [table.append_column("row_id", one.column("row_id")) for table, one in zip(tables, shards, strict=True)]
    ).to_pylist()
    for topic in topics.to_pylist():
        mine = [row for row in rows if row["topic_id"] == topic["topic_id"]]
        assert len(mine) == topic["size"]
        if topic["topic_id"] < 0:
            assert topic["medoids"] == []
            continue
        nearest = sorted(mine, key=lambda row: row["topic_distance"])[:5]
        assert topic["medoids"] == [row["row_id"] for row in nearest]


def test_rows_without_an_embedding_get_nulls() -> None:
    (table,), _ = run(TopicsConfig(k=3), shard(0, 100))
    for index, row in enumerate(table.to_pylist()):
        assert all((value is None) == (index % 10 == 9) for value in row.values())


def test_the_number_of_topics_is_found() -> None:
    _, topics = run(TopicsConfig(k=0), shard(0, 1500))
    assert sum(topic >= 0 for topic in topics.column("topic_id").to_pylist()) == len(SUBJECTS)


def test_two_runs_give_the_same_bytes() -> None:
    shards = [shard(0, 200), shard(1, 0), shard(2, 100)]
    one, topics = run(TopicsConfig(), *shards)
    other, topics_again = run(TopicsConfig(), *shards)
    assert all(a.equals(b) for a, b in zip(one, other, strict=True)) and topics.equals(topics_again)
    assert one[1].num_rows == 0


def test_a_sample_is_the_same_whatever_the_order_of_shards() -> None:
    config = TopicsConfig(k=4, sample=100)
    shards = [shard(0, 200), shard(1, 200)]
    forward, topics = run(config, *shards)
    backward, topics_backward = run(config, *reversed(shards))
    assert topics.equals(topics_backward)
    assert forward[0].equals(backward[1]) and forward[1].equals(backward[0])


@pytest.mark.parametrize("shards", [[], [shard(0, 0)], [shard(0, 1)], [shard(0, 5, gaps=False)]])
def test_runs_of_hardly_any_rows(shards: list[pa.Table]) -> None:
    for k in (0, 8):
        tables, topics = run(TopicsConfig(k=k), *shards)
        assert [table.num_rows for table in tables] == [one.num_rows for one in shards]
        assert topics.schema == TOPICS_TABLE
        assert all(topic["label"] is None for topic in topics.to_pylist())


def test_no_row_has_an_embedding() -> None:
    table = shard(0, 3)
    table = table.set_column(1, "embedding", pa.nulls(3, EMBEDDING))
    (out,), topics = run(TopicsConfig(), table)
    assert out.column("topic_id").null_count == 3 and topics.num_rows == 0


def test_equal_vectors_make_one_topic() -> None:
    table = shard(0, 12, gaps=False)
    first = table.column("embedding")[0].as_py()
    table = table.set_column(1, "embedding", pa.array([first] * 12, EMBEDDING))
    (out,), topics = run(TopicsConfig(k=5), table)
    assert set(out.column("topic_id").to_pylist()) == {0} and topics.column("size").to_pylist() == [12]


def test_small_topics_show_no_text() -> None:
    _, topics = run(TopicsConfig(k=4, min_users=60), shard(0, 200))
    small = [topic for topic in topics.to_pylist() if topic["size"] < 60 and topic["topic_id"] >= 0]
    assert small and all(shows_nothing(topic) for topic in small)


def shows_nothing(topic: dict[str, Any]) -> bool:
    return topic["label"] is None and topic["keywords"] == [] and topic["examples"] == []


def test_a_word_of_one_conversation_is_never_a_keyword() -> None:
    table = shard(0, 60, gaps=False)
    messages = table.column("messages").to_pylist()
    for row in messages[:2]:
        row[0]["content"] += " zanzibarquux"
    table = table.set_column(2, "messages", pa.array(messages, MESSAGES))
    _, topics = run(TopicsConfig(k=1, keywords=50), table)
    assert "zanzibarquux" not in str(topics.column("keywords").to_pylist())
