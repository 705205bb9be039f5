"""A found identifier: where it stands, what it is, and which of two overlapping finds wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LABELS: Final = {
    "PERSON": "NAME",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "STREET_ADDRESS": "ADDRESS",
    "DATE_OF_BIRTH": "BIRTHDATE",
    "USERNAME": "USERNAME",
    "URL": "URL",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "BANK_ACCOUNT": "ACCOUNT",
    "CRYPTO": "WALLET",
    "NATIONAL_ID": "ID",
    "PASSPORT": "PASSPORT",
    "DRIVER_LICENSE": "LICENSE",
    "RECORD_ID": "RECORD",
    "SECRET": "SECRET",
}
"""Types, named as Presidio names them where it has the type, and the label of each one's placeholders."""


@dataclass(frozen=True, slots=True)
class Span:
    """One find in one text.

    Attributes:
        start: first code point.
        end: after the last code point.
        type: a key of LABELS.
        score: 0 to 1.
        recognizer: what found it.
    """

    start: int
    end: int
    type: str
    score: float
    recognizer: str


def resolve(spans: Iterable[Span]) -> list[Span]:
    """The spans without overlaps, by position; of two that overlap the higher score wins, then the longer.

    Where the loser reaches beyond the winner, what is left of it is kept if it is of some length,
    since half of an address is still an address.
    """
    taken: list[Span] = []
    for span in sorted(spans, key=lambda s: (-s.score, s.start - s.end, s.start, s.type)):
        pieces = [(span.start, span.end)]
        for other in taken:
            pieces = (
                [
                    piece
                    for start, end in pieces
                    for piece in ((start, min(end, other.start)), (max(start, other.end), end))
                    if piece[0] < piece[1]
                ]
                if any(start < other.end and other.start < end for start, end in pieces)
                else pieces
            )
        if pieces == [(span.start, span.end)]:
            taken.append(span)
        elif span.type in ("PERSON", "STREET_ADDRESS"):
            taken.extend(
                Span(start, end, span.type, span.score, span.recognizer) for start, end in pieces if end - start >= 4
            )
    return sorted(taken, key=lambda s: s.start)


def join_names(text: str, spans: Iterable[Span]) -> list[Span]:
    """The spans without space at their ends, and with neighbouring parts of one name made one."""
    joined: list[Span] = []
    for found in spans:
        value = text[found.start : found.end]
        lead, trail = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
        if lead == len(value):
            continue
        span = Span(found.start + lead, found.end - trail, found.type, found.score, found.recognizer)
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.type == span.type == "PERSON"
            and 0 < span.start - last.end <= 2
            and text[last.end : span.start].strip(" -.") == ""
        ):
            joined[-1] = Span(last.start, span.end, "PERSON", max(last.score, span.score), last.recognizer)
        else:
            joined.append(span)
    return joined
