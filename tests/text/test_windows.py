from __future__ import annotations

from chatlog.text.pii_span import Span
from chatlog.text.windows import windows

TEXT = "Yesterday I met Zorbrandt at the bridge. Then we went home."


def pieces(text: str, *spans: tuple[int, int]) -> list[str]:
    found = [Span(start, end, "PERSON", 0.8, "test") for start, end in spans]
    return [piece for _, piece in windows(text, found)]


def test_only_sentences_where_a_name_could_stand_are_given() -> None:
    assert pieces(TEXT) == ["Yesterday I met Zorbrandt at the bridge."]


def test_what_was_found_needs_no_model() -> None:
    at = TEXT.index("Zorbrandt")
    assert pieces(TEXT, (at, at + len("Zorbrandt"))) == []
    assert pieces(TEXT, (0, 5)) == ["Yesterday I met Zorbrandt at the bridge."]


def test_ordinary_words_of_headings_need_none() -> None:
    assert pieces("Our Dynamic Management Strategies are told here, and in Germany.") == []
    assert pieces("We ask what the Fluxion is, since a fluxion is a thing.") == []
    assert pieces("We use a RequestMatcher in this.") == []


def test_code_and_tables_are_left_out() -> None:
    assert pieces("```\nI met Zorbrandt\n```\n| a | Zorbrandt | b |") == []
