from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


CASES = [
    line.rstrip("\n").split("\t", 1)
    for line in (Path(__file__).parent / "fixtures" / "languages.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.fixture(scope="module")
def hard() -> list[dict[str, Any]]:
    texts = [text.replace("\\n", "\n").replace("\\u0000", "\0").replace("\\u0001", "\1") for _, text in CASES]
    rows = [[{"role": "user", "content": text}] for text in texts]
    with LANGUAGE.open(LanguageConfig()) as fn:
        told: list[dict[str, Any]] = fn(pa.table([pa.array(rows, MESSAGES)], schema=LANGUAGE.reads)).to_pylist()
    return told


@pytest.mark.parametrize("number", range(len(CASES)))
def test_hard_cases(hard: list[dict[str, Any]], number: int) -> None:
    expected = CASES[number][0]
    codes = set(expected.lstrip("!").split("+"))
    told = hard[number]
    found = {share["code"] for share in told["language_shares"]} if len(codes) > 1 else {told["language_code"]}
    # A known miss that is one no longer shows here, so that its mark goes.
    assert (found == codes) is not expected.startswith("!"), found


def test_there_are_enough_hard_cases_and_few_known_misses() -> None:
    assert len(CASES) >= 300
    assert sum(expected.startswith("!") for expected, _ in CASES) <= 0.05 * len(CASES)


def test_shares_answers_and_tags(hard: list[dict[str, Any]]) -> None:
    turns = [
        {
            "role": "user",
            "content": "Please translate this sentence for my friend: 我今天很高兴，因为天气非常好，我们要去公园玩",
        },
        {
            "role": "assistant",
            "content": "Ich bin heute sehr glücklich, weil das Wetter so gut ist und wir in den Park gehen.",
        },
        {"role": "user", "content": "ok"},
    ]
    rows = [
        turns,
        None,
        [{"role": "user", "content": "ok"}],
        [{"role": "assistant", "content": "Vielen Dank für Ihre Frage!"}],
    ]
    with LANGUAGE.open(LanguageConfig()) as fn:
        first, null, unknown, answer = fn(pa.table([pa.array(rows, MESSAGES)], schema=LANGUAGE.reads)).to_pylist()
    assert (first["answer_language"], first["answer_language_code"]) == ("German", "de")
    assert {share["code"] for share in first["language_shares"]} == {"en", "zh-Hans"}
    assert abs(sum(share["share"] for share in first["language_shares"]) - 1) < 1e-6
    assert [len(shares) for shares in first["message_shares"]] == [2, 1, 0]
    assert first["language_tag"] in ("en-Latn", "zh-Hans")
    assert null["message_shares"] is None and null["answer_language_code"] == "und"
    assert (unknown["language_tag"], unknown["language_shares"]) == ("und", [])
    assert (answer["language_code"], answer["answer_language_code"]) == ("de", "de")
    assert all(row["language_code"] == "und" or "-" in row["language_tag"] for row in hard)
