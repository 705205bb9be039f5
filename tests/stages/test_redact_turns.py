from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.redact import REDACT, RedactConfig
from chatlog.text.public import name_key

Turn = tuple[str, str]


@pytest.fixture(scope="module")
def batch() -> Iterator[BatchFn]:
    with REDACT.open(RedactConfig(names_model="")) as fn:
        yield fn


def redact(
    fn: BatchFn, turns: list[Turn], public: list[int] | None = None, names: list[str | None] | None = None
) -> pa.Table:
    speakers = names or [None] * len(turns)
    messages = [
        [{"role": r, "content": c, "name": n, "created_at": None} for (r, c), n in zip(turns, speakers, strict=True)]
    ]
    table = pa.table([pa.array(messages, MESSAGES), pa.nulls(1, pa.string())], schema=REDACT.reads)
    if public is not None:
        table = table.append_column("public_names", pa.array([public], pa.list_(pa.int64())))
    return fn(table)


def contents(fn: BatchFn, turns: list[Turn], public: list[int] | None = None) -> list[str]:
    return [turn["content"] for turn in redact(fn, turns, public)["messages"].to_pylist()[0]]


SPLIT = [
    ([("user", "my number is"), ("user", "555 0134")], "PHONE_1"),
    ([("user", "my number is"), ("assistant", "Go on."), ("user", "5550134")], "PHONE_1"),
    ([("assistant", "What is your name?"), ("user", "maria")], "NAME_1"),
    ([("assistant", "May I have your full name?"), ("user", "Quenby Aldersgate")], "NAME_1"),
    ([("assistant", "¿Cómo te llamas?"), ("user", "Soy Quenby.")], "Soy NAME_1."),
    ([("assistant", "Как вас зовут?"), ("user", "Квенби Олдерсгейт")], "NAME_1"),
    ([("assistant", "您贵姓？"), ("user", "王小明")], "NAME_1"),
    ([("assistant", "お名前は何ですか？"), ("user", "山田太郎です")], "NAME_1です"),
    ([("assistant", "Please enter your password:"), ("user", "Xk29!fjd8")], "SECRET_1"),
    ([("assistant", "What is your passport number?"), ("user", "X1234567")], "PASSPORT_1"),
]


@pytest.mark.parametrize(("turns", "expected"), SPLIT, ids=range(len(SPLIT)))
def test_data_that_is_split_over_turns(batch: BatchFn, turns: list[Turn], expected: str) -> None:
    assert contents(batch, turns)[-1] == expected


WHOLE = [
    [("assistant", "What is your name?"), ("user", "No, why do you ask?")],
    [("assistant", "What is your name?"), ("user", "nothing special")],
    [("assistant", "How many apples are there?"), ("user", "5550134")],
    [("assistant", "I like your name."), ("user", "thank you")],
    [("user", "What is the name of this river?"), ("assistant", "The Danube.")],
]


@pytest.mark.parametrize("turns", WHOLE, ids=range(len(WHOLE)))
def test_an_answer_that_is_no_name_stays(batch: BatchFn, turns: list[Turn]) -> None:
    assert contents(batch, turns) == [text for _, text in turns]


FORMS = [
    (
        "My name is Sarah Connor.",
        "Sarah's mail, SARAH CONNOR, sarah connor, Connor",
        "NAME_1's mail, NAME_1, NAME_1, NAME_1",
    ),
    ("Меня зовут Иван Петров.", "Напиши Ивану и Петрову: Ivan Petrov", "Напиши NAME_1 и NAME_1: NAME_1"),
    ("Меня зовут Зорислав Кузнибрюк.", "Then Zorislav came.", "Then NAME_1 came."),
    ("我叫王小明。", "你好王小明，Wang Xiaoming", "你好NAME_1，NAME_1"),
    ("Benim adım Ahmet Yılmaz.", "Ahmet'in evi, Yılmaz", "NAME_1'in evi, NAME_1"),
    ("My name is José García.", "José, García", "NAME_1, NAME_1"),
]


@pytest.mark.parametrize(("first", "second", "expected"), FORMS, ids=range(len(FORMS)))
def test_all_forms_of_a_name_are_one_entity(batch: BatchFn, first: str, second: str, expected: str) -> None:
    shown = contents(batch, [("user", first), ("assistant", second)])[1]
    assert shown.replace("NAME_1 's", "NAME_1's").replace(" ,", ",") == expected


def test_two_persons_of_one_family_are_two(batch: BatchFn) -> None:
    shown = contents(
        batch, [("user", "My name is Anna Schmidt. My husband is Karl Schmidt."), ("user", "Anna and Karl")]
    )
    assert shown == ["My name is NAME_1. My husband is NAME_2.", "NAME_1 and NAME_2"]


def test_public_figures_stay_but_nobody_who_says_to_be_one(batch: BatchFn) -> None:
    turns = [("user", "Who was Albert Einstein? Compare Einstein with Marie Curie."), ("assistant", "Curie won twice.")]
    assert contents(batch, turns) == [text for _, text in turns]
    assert contents(batch, [("user", "My name is Taylor Swift.")]) == ["My name is NAME_1."]
    with REDACT.open(RedactConfig(names_model="", known_figures=False)) as fn:
        assert contents(fn, turns)[1] == "NAME_2 won twice."


def test_a_single_name_that_a_private_person_bears_too_does_not_stay(batch: BatchFn) -> None:
    turns = [("user", "My name is Taylor Smith."), ("user", "Taylor Swift sings. Then Taylor left.")]
    assert contents(batch, turns)[1] == "Taylor Swift sings. Then NAME_1 left."
    turns = [("user", "My name is Marie Dupont."), ("user", "Marie Curie won twice. So did Marie.")]
    assert contents(batch, turns)[1] == "Marie Curie won twice. So did NAME_1."
    assert contents(batch, turns[1:]) == [turns[1][1]]


def test_names_of_many_users_and_of_the_allow_list_stay(batch: BatchFn) -> None:
    turns = [("user", "I read about Maria Lopez and Peter Brown.")]
    assert contents(batch, turns) == ["I read about NAME_1 and NAME_2."]
    assert contents(batch, turns, [name_key("Maria Lopez")]) == ["I read about Maria Lopez and NAME_1."]
    with REDACT.open(RedactConfig(names_model="", public_names=False)) as fn:
        assert contents(fn, turns, [name_key("Maria Lopez")]) == ["I read about NAME_1 and NAME_2."]
    with REDACT.open(RedactConfig(names_model="", allow=("PETER BROWN",))) as fn:
        assert contents(fn, turns) == ["I read about NAME_1 and Peter Brown."]


def test_speakers_that_the_log_names_are_known(batch: BatchFn) -> None:
    turns = [("user", "hello"), ("assistant", "Dear Zebulina, welcome."), ("tool", "{}")]
    row = redact(batch, turns, names=["Zebulina", "assistant-7", "lookup"]).to_pylist()[0]
    assert [turn["name"] for turn in row["messages"]] == ["NAME_1", "assistant-7", "lookup"]
    assert row["messages"][1]["content"] in ("Dear NAME_1, welcome.", "Dear Zebulina, welcome.")
    assert row["redacted"] is True


PIECES = [
    "my name is Ada Novak", "Ada", "Novak", "my number is", "555 0134", "what is your name?", "maria", "ada@novak.test",
    "Albert Einstein", "Taylor Swift", "my name is Taylor Smith", "Taylor", "меня зовут Иван Петров", "Ивану", "ok.",
    "NAME_1", "NAME_2 and PHONE_1", "password:", "hunter2!x", "Dr. Rivera", "RIVERA",
]  # fmt: skip
TURNS = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant"]), st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map(" ".join)
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TURNS)
def test_a_turn_more_changes_nothing_before_it_and_twice_is_once(batch: BatchFn, turns: list[Turn]) -> None:
    whole = contents(batch, turns)
    for length in range(1, len(turns)):
        assert contents(batch, turns[:length]) == whole[:length]
    again = [(role, text) for (role, _), text in zip(turns, whole, strict=True)]
    assert contents(batch, again) == whole
