from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlog.models.topic_evidence import TOPICS_TABLE, EvidenceConfig, TopicEvidence
from chatlog.models.topic_members import Member, Members, drawn, tickets
from tests.models.topic_rows import Row, bread, evidence, python, shard

pytest.importorskip("icu4py")


def test_topics_of_many_users_are_told() -> None:
    table = evidence([*bread(12), *python(12)], 2).table()
    assert table.schema == TOPICS_TABLE
    first, second = table.to_pylist()
    assert first["label"] == "Bake bread" and first["named_by"] == "keywords" and first["keywords"] == ["bake bread"]
    assert second["label"] == "Fix Python traceback" and second["size"] == 12 and second["parent"] is None
    assert first["medoids"] == [0, 1, 2, 3, 4]
    assert first["examples"] == ["how do I bake bread 0", "how do I bake bread 1", "how do I bake bread 2"]


def shows_nothing(row: dict[str, Any]) -> bool:
    told = [row["label"], row["named_by"], *row["keywords"], *row["examples"], *row["medoids"]]
    return all(value is None for value in told)


def test_a_topic_of_few_users_shows_nothing_however_large_it_is() -> None:
    rows = [*bread(200, user="one"), *python(12)]
    few, many = evidence(rows, 2).table().to_pylist()
    assert shows_nothing(few) and few["size"] == 200
    assert not shows_nothing(many)
    nine = [(0, "how do I bake bread", f"user {n % 9}") for n in range(100)]
    assert shows_nothing(evidence(nine, 1).table().to_pylist()[0])
    assert not shows_nothing(evidence(nine, 1, min_users=9).table().to_pylist()[0])


def test_a_conversation_without_a_key_is_a_user_of_its_own() -> None:
    rows: list[Row] = [(0, "how do I bake bread", None)] * 10
    assert evidence(rows, 1).table().to_pylist()[0]["label"] == "Bake bread"


def test_users_are_counted_over_all_rows_and_not_only_the_sample() -> None:
    rows = bread(30)
    table = shard(rows)
    about = TopicEvidence(EvidenceConfig(subjects=False), np.array([0, 1, 2, 3], dtype=np.int64), 1)
    about.see(table, np.ones(30, dtype=np.bool_), np.zeros(30, dtype=np.int32), np.zeros(30, dtype=np.float32))
    row = about.table().to_pylist()[0]
    assert row["label"] == "Bake bread" and set(row["medoids"]) <= {0, 1, 2, 3}


@pytest.mark.parametrize("redacted", [False, None])
def test_texts_that_were_not_redacted_are_no_examples(redacted: bool | None) -> None:
    rows = bread(12)
    (row,) = evidence(rows, 1, shard(rows, redacted=redacted)).table().to_pylist()
    assert row["examples"] == [] and row["label"] == "Bake bread" and len(row["medoids"]) == 5


def test_examples_are_of_different_users_and_are_cut() -> None:
    rows = [*bread(5, user="one"), *bread(12), (0, "bake bread " * 200, "long")]
    rows = [rows[-1], *rows[:-1]]
    (row,) = evidence(rows, 1, examples=3, example_length=40).table().to_pylist()
    assert row["medoids"] == [0, 1, 6, 7, 8] or len(set(row["medoids"])) == 5
    users = [rows[number][2] for number in row["medoids"]]
    assert len(set(users)) == len(users) == 5
    assert len(row["examples"]) == 3 and all(len(text) <= 40 for text in row["examples"])
    assert row["examples"][0].endswith("…")


def test_outliers_are_counted_and_are_none() -> None:
    rows = [*bread(12), *[(-1, "my secret is zanzibar", f"u{n}") for n in range(15)]]
    *_, last = evidence(rows, 1).table().to_pylist()
    assert last["topic_id"] == -1 and last["label"] == "none" and last["size"] == 15
    assert last["named_by"] is None and last["keywords"] == last["examples"] == last["medoids"] == []
    assert evidence(bread(12), 1).table().num_rows == 1


def test_themes_follow_the_topics_and_are_told_by_theirs() -> None:
    rows = [*bread(12), *python(12), *[(2, f"grow tomato plants {n}", f"g{n}") for n in range(14)]]
    table = evidence(rows, 3).table(parents=[3, None, 3]).to_pylist()
    assert [row["topic_id"] for row in table] == [0, 1, 2, 3] and [row["parent"] for row in table] == [3, None, 3, None]
    theme = table[3]
    assert theme["size"] == 26 and "bread" in theme["label"].lower() and "tomato" in theme["label"].lower()
    assert theme["medoids"][:2] == [24, 0]  # the largest topic's nearest, then the other's
    assert len({row["label"].casefold() for row in table}) == 4


def test_a_theme_may_be_told_where_none_of_its_topics_is() -> None:
    rows = [*bread(6), *[(1, f"bake cake {n}", f"c{n}") for n in range(6)], *python(12, 2)]
    one, other, _, theme = evidence(rows, 3).table(parents=[3, 3, None]).to_pylist()
    assert shows_nothing(one) and shows_nothing(other) and "bake" in theme["label"].lower()
    assert theme["medoids"] == theme["examples"] == []


def test_the_order_of_shards_changes_nothing() -> None:
    rows = [(n % 2, f"{('bake bread', 'Fix python')[n % 2]} {n % 7} thing {n}", f"u{n % 23}") for n in range(200)]
    ids = np.arange(200, dtype=np.int64)
    tables = []
    for order in (range(4), reversed(range(4))):
        about = TopicEvidence(EvidenceConfig(subjects=False), ids, 2)
        for part in order:
            here = slice(50 * part, 50 * part + 50)
            about.see(
                shard(rows[here], first=50 * part),
                np.ones(50, dtype=np.bool_),
                np.array([topic for topic, _, _ in rows[here]], dtype=np.int32),
                np.asarray(tickets(ids[here], 3) % 97, dtype=np.float32),
            )
        tables.append(about.table(parents=[2, 2]))
    assert tables[0].equals(tables[1])


@given(
    st.lists(
        st.tuples(
            st.integers(-1, 2),
            st.lists(st.sampled_from("tulip rose daisy vase garden".split()), min_size=1, max_size=4),
            st.sampled_from([None, "a", "b", "c", "d", "e"]),
        ),
        max_size=60,
    ),
    st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_nothing_is_told_of_fewer_users(rows: list[tuple[int, list[str], str | None]], min_users: int) -> None:
    given_rows: list[Row] = [(topic, " ".join(words), user) for topic, words, user in rows]
    about = evidence(given_rows, 3, min_users=min_users)
    for row in about.table(parents=[3, 3, None]).to_pylist():
        topics = {3: (0, 1)}.get(row["topic_id"], (row["topic_id"],))
        users = {n if user is None else user for n, (topic, _, user) in enumerate(given_rows) if topic in topics}
        if row["topic_id"] >= 0 and len(users) < min_users:
            assert shows_nothing(row)
        names = {text for topic, text, _ in given_rows if topic in topics}
        assert set(row["examples"]) <= names


def test_members_are_nearest_and_drawn_whatever_the_order() -> None:
    members = [Member(float(n % 5), n, n % 8, f"text {n % 11}", True) for n in range(60)]
    kept = []
    for order in (members, members[::-1], members[30:] + members[:30]):
        few = Members(4, 6)
        for member in order:
            few.add(member)
        kept.append((few.nearest(), few.random()))
    assert kept[0] == kept[1] == kept[2]
    nearest, random = kept[0]
    assert len(nearest) == 4 and len({one.who for one in nearest}) == 4 and len({one.text for one in random}) == 6


def test_drawn_rows_do_not_depend_on_their_order() -> None:
    rows = np.arange(1000, dtype=np.int64)
    few = drawn(rows, 10)
    assert len(few) == 10 and few.tolist() != list(range(10)) and few.tolist() == drawn(rows[::-1], 10).tolist()
    assert drawn(rows, 5000) is rows
    assert tickets(rows, 3).tolist() != tickets(rows, 4).tolist()


def test_a_topic_without_a_word_in_common_is_named_by_its_languages() -> None:
    german = ["Welche Farbe passt zu meinem Vorhang?", "Warum ist der Himmel heute so dunkel geworden?"]
    german += ["Wohin fahren wir nächstes Jahr gemeinsam?", "Ich möchte lieber einen größeren Kasten kaufen."]
    rows = [(0, german[n] if n < 4 else f"{n}" * n, f"u{n}") for n in range(12)]
    rows += [(1, f"other{chr(97 + n)}{n}thing", f"u{n}") for n in range(12)]
    one, other = evidence(rows, 2).table().to_pylist()
    assert one["label"] == "Mixed questions: German" and other["label"].startswith("Mixed questions")
    assert one["named_by"] is None and one["keywords"] == []
