from __future__ import annotations

import pytest

from chatlog.text.prose import is_universal, outside_code, prose


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fix this:\n```python\nx = 1\n```\nthanks", "Fix this thanks"),
        ("see https://example.org/a?b=c and mail a@b.example", "see and mail"),
        ("<p>Hola <b>mundo</b></p>", "Hola mundo"),
        ("import os\nfor (i=0;i<3;i++) {\n}\nWarum geht das nicht?", "Warum geht das nicht?"),
        ("编写一个C++程序，使用递归。", "编写一个C 程序，使用递归。"),
        ("NAME_1 says 42 🙂", "says"),
        ("x = 1;", ""),
    ],
)
def test_prose(text: str, words: str) -> None:
    assert prose(text) == words


def test_universal() -> None:
    assert is_universal("ok lol!")
    assert not is_universal("yes please")


def test_outside_code_leaves_what_is_between() -> None:
    text = "a `b` c\n```\nd\n```\ne"
    assert "".join(text[a:b] for a, b in outside_code(text)) == "a  c\n\ne"
