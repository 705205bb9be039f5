from __future__ import annotations

import pyarrow as pa

from chatlog.schema import KEY, MESSAGES
from chatlog.stage import held
from chatlog.stages.fame import FAME, FameConfig
from chatlog.stages.names import NAMES, NamesConfig
from chatlog.text.public import name_key, name_like


def keys(texts: list[str]) -> list[list[int]]:
    messages = [[{"role": "user", "content": text, "name": None, "created_at": None}] for text in texts]
    with NAMES.open(NamesConfig()) as fn:
        found: list[list[int]] = fn(pa.table([pa.array(messages, MESSAGES)], schema=NAMES.reads))[
            "name_keys"
        ].to_pylist()
    return found


def fame(rows: list[tuple[str, str | None]], users: int) -> list[list[int]]:
    names = pa.array(keys([text for text, _ in rows]), pa.list_(pa.int64()))
    table = pa.table(
        {KEY.name: pa.array(range(len(rows)), KEY.type), "name_keys": names, "user_key": [user for _, user in rows]}
    )
    half = len(rows) // 2
    shards = [held(table.slice(0, half)), held(table.slice(half))]
    return [row for part in FAME.run(FameConfig(users=users), shards) for row in part["public_names"].to_pylist()]


def test_a_name_of_more_than_n_users_is_public() -> None:
    told = [("Tell me about Quenby Aldersgate.", f"u{number % 3}") for number in range(9)]
    told += [("Quenby Aldersgate wrote to Zora Brindlewick", "u3"), ("hello", "u4")]
    found = fame(told, users=3)
    assert name_key("quenby aldersgate's") in found[0] and name_key("Quenby Aldersgate") in found[9]
    assert name_key("Zora Brindlewick") not in found[9]
    assert found[10] == []
    assert all(row == [] for row in fame(told, users=4))


def test_conversations_of_no_known_user_do_not_count() -> None:
    assert all(row == [] for row in fame([("Tell me about Quenby Aldersgate.", None)] * 30, users=1))
    told = [("Tell me about Quenby Aldersgate.", user) for user in ("u1", "u2", None, None)]
    assert all(row == [] for row in fame(told, users=2))
    assert all(row for row in fame(told, users=1))


def test_a_given_or_a_family_name_alone_is_no_public_name() -> None:
    assert list(name_like("Maria met Smith in Paris. The Government agreed.")) == []
    assert "Maria Smith" in set(name_like("Dear Maria Smith, Quenby wrote."))
    assert "Quenby" in set(name_like("Dear Maria Smith, Quenby wrote."))


def test_nulls_pass() -> None:
    with NAMES.open(NamesConfig()) as fn:
        assert fn(pa.table([pa.array([None, []], MESSAGES)], schema=NAMES.reads))["name_keys"].to_pylist() == [[], []]
    names = pa.array([None, [1], []], pa.list_(pa.int64()))
    table = pa.table({KEY.name: pa.array(range(3), KEY.type), "name_keys": names, "user_key": ["a", "b", None]})
    (part,) = FAME.run(FameConfig(), [held(table)])
    assert part["public_names"].to_pylist() == [None, [], []]
