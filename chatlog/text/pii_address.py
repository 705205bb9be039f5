"""Street addresses: a street with its number in the habits of many countries, and what hangs on it.

A core (street and number, post box) is found first; then unit, town and post code behind it are
taken in, and further numbers before it. A label or a phrase that announces an address lets
looser text pass. Only stretches around digits and street words are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from chatlog.text.address_patterns import (
    ANNOUNCED,
    BLOCK,
    CORE,
    CORE_HAN,
    DIGIT,
    EDGE,
    FULL_STOP,
    LABEL_STEMS,
    LABELLED,
    LEAD,
    LETTERS,
    LINE,
    NAMED,
    NEXT,
    NUMBERS,
    QUOTED,
    SLACK,
    STREET_WORD,
    STREETISH,
    TAIL_FLOOR,
    TAIL_POST,
    TAIL_TOWN,
    TAIL_UNIT,
    announcements,
)
from chatlog.text.cues import stems
from chatlog.text.pii_span import Span

_BEFORE, _BEHIND = 110, 110


def _extended(text: str, start: int, end: int) -> tuple[int, int]:
    """The core with units, town and post code behind it, and house or building numbers before it."""
    unit = False
    for _ in range(6):
        for pattern in (TAIL_UNIT, TAIL_POST, TAIL_FLOOR, TAIL_TOWN):
            if pattern is TAIL_TOWN and not unit:
                continue
            match = pattern.match(text, end)
            if match is not None and match.end() > end:
                unit = pattern is TAIL_UNIT
                end = match.end()
                break
        else:
            break
    lead = LEAD.search(text, max(0, start - 8), start)
    return (lead.start() if lead is not None else start), end


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while end > start and text[end - 1] in EDGE:
        end -= 1
    while start < end and text[start] in EDGE:
        start += 1
    following = NEXT.search(text, start, end)
    if following is not None:
        end = following.start()
    if FULL_STOP.search(text[start:end]):
        end -= 1
    return start, end


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Merged stretches around numbers, where an address could stand."""
    low, high = 0, -1
    for match in NUMBERS.finditer(text):
        start = max(0, match.start() - _BEFORE)
        if high < 0:
            low = start
        elif start > high:
            yield low, high
            low = start
        high = min(len(text), match.end() + _BEHIND)
    if high >= 0:
        yield low, high


def _merged(spans: Sequence[Span]) -> Iterator[Span]:
    """Spans that overlap or touch made one: the label knows the beginning, the core knows the end."""
    last: Span | None = None
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if last is None or span.start > last.end:
            if last is not None:
                yield last
            last = span
        elif span.end > last.end or span.score > last.score:
            last = Span(last.start, max(last.end, span.end), span.type, max(last.score, span.score), last.recognizer)
    if last is not None:
        yield last


def find_addresses(text: str) -> list[Span]:
    """The street addresses in `text`, by position, without overlaps."""
    merged = _merged([Span(*bounds, "STREET_ADDRESS", score, name) for bounds, score, name in _found(text)])
    return [piece for span in merged for piece in _by_line(text, span)]


def _by_line(text: str, span: Span) -> Iterator[Span]:
    """The lines of an address that stands as a block of its own, so that the block keeps its layout."""
    inside = text[span.start : span.end]
    if "\n" not in inside or not (QUOTED.search(inside) or BLOCK.search(text[max(0, span.start - 40) : span.start])):
        yield span
        return
    for match in LINE.finditer(text, span.start, span.end):
        start, end = _stripped(text, match.start(), match.end())
        if start < end:
            yield Span(start, end, span.type, span.score, span.recognizer)


_STARTS: Final = tuple(
    sorted({stem.split()[0] for name in ("street_type", "street_prefix", "street_second") for stem in stems(name)})
)
_WHOLE: Final = frozenset(_STARTS) | frozenset(
    "apt suite unit box fpo apo dpo corner via vía corso largo camino place route passage street boulevard".split()
)
_BEGINNINGS: Final = ("av", "pz", "pl", "cad", "sok", "str", *(stem for stem in _STARTS if len(stem) > 3))
_ENDS: Final = (*stems("street_compound"), "c/")


def _may_hold_street(stretch: str) -> bool:
    """Whether a word of the stretch could be a street's: a look at whole words, much cheaper than the pattern."""
    return any(
        word in _WHOLE or word.endswith(_ENDS) or word.startswith(_BEGINNINGS)
        for word in LETTERS.findall(stretch.lower())
    )


def _found(text: str) -> Iterator[tuple[tuple[int, int], float, str]]:
    if not text.isascii():
        for match in CORE_HAN.finditer(text):
            yield match.span(), 0.78, "street"
    stretches = list(_stretches(text))
    for low, high in stretches:
        if not _may_hold_street(text[low:high]) or STREET_WORD.search(text, low, high) is None:
            continue
        for match in CORE.finditer(text, low, high):
            if "corner of" not in match[0] or DIGIT.search(match[0]):
                yield _stripped(text, *_extended(text, *match.span())), 0.78, "street"
    if any(word in text for word in (" Street", " Road", " Avenue", " Lane", " Boulevard")):
        for match in NAMED.finditer(text):
            yield match.span("v"), 0.74, "street"
    announced = announcements().hits(text.lower()) if stretches else []
    for low, high in stretches:
        # The lower case of a few letters is longer than they are, so that places are only nearly right.
        if not any(low - SLACK <= end <= high + SLACK for end, _ in announced):
            continue
        for match in ANNOUNCED.finditer(text, low, high):
            if DIGIT.search(match["v"]) and STREETISH.search(match["v"]):
                yield _stripped(text, *_extended(text, *match.span("v"))), 0.79, "address_cue"
    lowered = text.lower()
    if ":" not in text or not any(word in lowered for word in LABEL_STEMS):
        return
    for match in LABELLED.finditer(text):
        if DIGIT.search(match["v"]) or STREET_WORD.search(match["v"]):
            yield _stripped(text, *_extended(text, *match.span("v"))), 0.79, "address_label"
