from __future__ import annotations

import pytest

from chatlog.text.placeholders import Numbering

ONE = [
    ("Mohammed Ali", "محمد"),
    ("Мария Петрова", "Maria Petrova"),
    ("Марии Петровой", "Мария"),
    ("Alexander Ivanov", "Александр"),
    ("王小明", "Wang Xiaoming"),
    ("김민수", "Kim Minsu"),
    ("राहुल शर्मा", "Rahul Sharma"),
    ("Γιώργος Παπαδόπουλος", "Giorgos"),
    ("José García", "garcía"),
    ("Dr. Ada Novak", "NOVAK's"),
]
TWO = [("Мария", "Марк"), ("Павел", "Paul"), ("Anna Novak", "Hanna Novak"), ("Ada", "Adam")]


@pytest.mark.parametrize(("first", "second"), ONE, ids=range(len(ONE)))
def test_forms_of_one_name_have_one_number(first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        numbering = Numbering()
        assert numbering.number("PERSON", one) == numbering.number("PERSON", other) == 1


@pytest.mark.parametrize(("first", "second"), TWO, ids=range(len(TWO)))
def test_other_names_have_others(first: str, second: str) -> None:
    numbering = Numbering()
    assert (numbering.number("PERSON", first), numbering.number("PERSON", second)) == (1, 2)


def test_a_part_that_several_bear_names_none_of_them() -> None:
    numbering = Numbering()
    assert [numbering.number("PERSON", name) for name in ("Anna Smith", "Karl Smith", "Smith", "Karl")] == [1, 2, 3, 2]


def test_numbers_that_stand_in_the_text_are_not_given_again() -> None:
    numbering = Numbering()
    numbering.reserve("NAME_3 and NAME_7 and EMAIL_2")
    assert (numbering.number("PERSON", "Ada"), numbering.number("EMAIL_ADDRESS", "a@b.example")) == (8, 3)
