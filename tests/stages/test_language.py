from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.language import LANGUAGE, LanguageConfig


@pytest.fixture(scope="module")
def batch() -> Iterator[BatchFn]:
    with LANGUAGE.open(LanguageConfig()) as fn:
        yield fn


def table(*conversations: list[tuple[str, str | None]] | None) -> pa.Table:
    rows = [
        None if turns is None else [{"role": r, "content": c, "name": None, "created_at": None} for r, c in turns]
        for turns in conversations
    ]
    return pa.table([pa.array(rows, MESSAGES)], schema=LANGUAGE.reads)


def test_users_turns_decide_and_every_message_has_a_code(batch: BatchFn) -> None:
    out = batch(
        table(
            [
                ("user", "Wie spät ist es jetzt in Tokio?"),
                ("assistant", "It is nine in the morning in Tokyo right now."),
            ],
            [("user", "Translate this please: bonjour, and explain every word"), ("assistant", "Hello!")],
        )
    )
    assert out.schema == LANGUAGE.writes
    assert out.column("language").to_pylist() == ["German", "English"]
    assert out.column("message_languages").to_pylist()[0] == ["de", "en"]


def test_empty_null_and_wordless_messages_are_unknown(batch: BatchFn) -> None:
    out = batch(table(None, [], [("user", None)], [("user", "ok")], [("user", "🙂 42 = 42")]))
    assert out.column("language").to_pylist() == ["unknown"] * 5
    assert out.column("language_code").to_pylist() == ["und"] * 5
    assert out.column("message_languages").to_pylist() == [None, [], ["und"], ["und"], ["und"]]


def test_rows_do_not_see_one_another(batch: BatchFn) -> None:
    a = table([("user", "Добрый день, как дела?")], [("user", "你好，请写一首诗")])
    b = table([("user", "Come stai oggi, amico mio?")], None)
    assert batch(pa.concat_tables([a, b])).to_pylist() == batch(a).to_pylist() + batch(b).to_pylist()
    assert batch(a.slice(0, 0)).num_rows == 0
    # An Arrow slice keeps its parent's buffers: offsets must be the slice's own.
    assert (
        batch(pa.concat_tables([a, b]).slice(1, 2)).to_pylist() == batch(a).to_pylist()[1:] + batch(b).to_pylist()[:1]
    )


def test_the_earlier_language_wins_a_tie_and_shares_the_score(batch: BatchFn) -> None:
    german, greek, georgian = "Wie spät ist es jetzt in Tokio?", "αβγδε", "აბგდე"
    out = batch(
        table(
            [("user", greek), ("user", georgian)],
            [("user", georgian), ("user", greek)],
            [("user", "ok"), ("assistant", german), ("assistant", greek), ("assistant", german)],
            [("user", greek), ("assistant", german), (None, german)],  # type: ignore[list-item]
        )
    )
    assert out.column("language_code").to_pylist() == ["el", "ka", "de", "el"]
    assert out.column("language_score").to_pylist()[:2] == [0.5, 0.5]
    assert out.column("language_score").to_pylist()[3] == 1.0


def test_a_long_message_says_no_more_than_the_cap(batch: BatchFn) -> None:
    greek, georgian = "αβγδε " * 20, "აბგდე " * 200
    with LANGUAGE.open(LanguageConfig(vote_cap=50)) as capped:
        both = table([("user", greek), ("user", georgian)])
        assert capped(both).column("language_score").to_pylist() == [0.5]
    assert batch(both).column("language_code").to_pylist() == ["ka"]
