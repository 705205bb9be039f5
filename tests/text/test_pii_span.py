from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chatlog.text.pii_span import LABELS, Span, resolve
from chatlog.text.rewrite import Rewrite

SPANS = st.lists(
    st.builds(
        lambda start, length, kind, score: Span(start, start + length, kind, score, "r"),
        st.integers(0, 40),
        st.integers(1, 15),
        st.sampled_from(sorted(LABELS)),
        st.sampled_from([0.5, 0.7, 0.9]),
    ),
    max_size=12,
)


def test_the_surer_find_wins_and_an_address_keeps_its_rest() -> None:
    assert resolve([Span(0, 10, "PHONE_NUMBER", 0.7, "a"), Span(4, 8, "CREDIT_CARD", 0.9, "b")]) == [
        Span(4, 8, "CREDIT_CARD", 0.9, "b")
    ]
    assert [
        (s.start, s.end) for s in resolve([Span(0, 20, "STREET_ADDRESS", 0.7, "a"), Span(8, 12, "PERSON", 0.9, "b")])
    ] == [
        (0, 8),
        (8, 12),
        (12, 20),
    ]


@given(SPANS)
def test_resolved_spans_are_disjoint_by_position_and_repeatable(spans: list[Span]) -> None:
    found = resolve(spans)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert resolve(found) == found
    assert resolve(list(reversed(spans))) == found


def test_offsets_are_of_the_text_before_any_change() -> None:
    text = Rewrite("ab cdef gh cdef")
    assert text.replace([Span(3, 7, "PERSON", 1.0, "r")], lambda span, value: "NAME_1")
    assert text.text == "ab NAME_1 gh cdef"
    assert text.replace([Span(13, 17, "PERSON", 1.0, "r")], lambda span, value: "NAME_1")
    assert text.text == "ab NAME_1 gh NAME_1"
    assert [(span.start, span.end) for span in text.spans] == [(3, 7), (11, 15)]
    assert not text.replace([Span(0, 2, "PERSON", 1.0, "r")], lambda span, value: None)
    assert text.placeholders == ["NAME_1", "NAME_1", None]
