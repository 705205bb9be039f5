"""A found identifier: where it stands, what it is, and which of two overlapping finds wins."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import regex

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
    "COORDINATES": "COORDINATES",
    "LICENSE_PLATE": "PLATE",
    "SECRET": "SECRET",
    "ORGANIZATION": "ORGANIZATION",
    "LOCATION": "LOCATION",
    "NRP": "NATIONALITY",
    "DATE_TIME": "DATE",
}
"""Types, named as Presidio names them where it has the type, and the label of each one's placeholders."""

CONTEXTUAL: Final = ("ORGANIZATION", "LOCATION", "NRP", "DATE_TIME")
"""Types that are personal in some contexts only: nothing looks for them unless a policy acts on them."""


_ABBREVIATED: Final = regex.compile(r"(?<!\p{L})(?:\p{L}|[MD]rs?|Ms|Prof|St|Jr|Sr|Hon|Rev)\Z", regex.IGNORECASE)
"""What a full stop may follow within a name."""
_DIVISIBLE: Final = frozenset(["PERSON", "STREET_ADDRESS"])
_SHORTEST_REST: Final = 4


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
    starts: list[int] = []
    for span in sorted(spans, key=lambda s: (-s.score, s.start - s.end, s.start, s.type)):
        # `taken` is disjoint and sorted, so only the one before the start and those inside can overlap.
        low = max(0, bisect_right(starts, span.start) - 1)
        high = bisect_left(starts, span.end)
        others = [other for other in taken[low:high] if other.end > span.start]
        if others and span.type not in _DIVISIBLE:
            continue
        edges = [span.start, *(edge for other in others for edge in (other.start, other.end)), span.end]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= (_SHORTEST_REST if others else 1):
                at = bisect_left(starts, start)
                starts.insert(at, start)
                taken.insert(at, Span(start, end, span.type, span.score, span.recognizer))
    return taken


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
            and (
                not (gap := text[last.end : span.start].strip(" -"))
                or (gap == "." and _ABBREVIATED.search(text, last.start, last.end) is not None)
            )
        ):
            joined[-1] = Span(last.start, span.end, "PERSON", max(last.score, span.score), last.recognizer)
        else:
            joined.append(span)
    return joined
