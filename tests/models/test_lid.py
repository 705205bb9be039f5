from __future__ import annotations

import pytest

from chatlog.models.lid import LanguageIdentifier


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier("lid.176.ftz")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("안녕하세요 pytorch 코드", "ko"),
        ("これは本です", "ja"),
        ("你好，请问这个问题怎么解决", "zh-Hans"),
        ("請問這個問題應該怎麼解決", "zh-Hant"),
        ("สวัสดี", "th"),
        ("שלום עולם", "he"),
        ("Thank you!", "en"),
        ("Ko te reo Māori te reo o ngā tāngata o tēnei whenua", "mi"),
        ("ngoba abantu bonke kanye ukuze futhi", "zu"),
        ("下記の文を日本語に翻訳してください。 They are building a new bridge over the old river", "ja"),
        ("", "und"),
    ],
)
def test_guess(identifier: LanguageIdentifier, text: str, code: str) -> None:
    assert identifier.guess(text).code == code
