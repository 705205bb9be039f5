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


def test_of_a_long_sentence_the_surroundings_are_given() -> None:
    filling = "and the water went on over the stones " * 6
    text = f"So {filling}until I met Zorbrandt there {filling}and {filling}then Quillwein came {filling}home."
    found = list(windows(text))
    assert [piece for _, piece in found] == [text[at : at + len(piece)] for at, piece in found]
    assert len(found) == 2 and "Zorbrandt" in found[0][1] and "Quillwein" in found[1][1]
    assert all(100 < len(piece) < 260 and not piece.startswith(" ") for _, piece in found)
