"""A text while placeholders go into it, with every find told in offsets of the text as it was."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chatlog.text.pii_span import Span


@dataclass
class Rewrite:
    """One text under redaction.

    Attributes:
        text: as it reads now.
        spans: what was found, in offsets of the text before any change, by position.
        placeholders: what stands for each of `spans`; None where the text was kept.
    """

    text: str
    spans: list[Span] = field(default_factory=list)
    placeholders: list[str | None] = field(default_factory=list)
    _told: set[tuple[Span, str | None]] = field(default_factory=set)
    _kept: list[tuple[int, int, int]] = field(default_factory=list)  # (start now, end now, start before)

    def __post_init__(self) -> None:
        self._kept = [(0, len(self.text), 0)]

    def replace(self, spans: Sequence[Span], placeholder: Callable[[Span, str], str | None]) -> bool:
        """Whether the text changed when each of `spans` gave way to its placeholder.

        `spans` are offsets into `text` as it reads now, without overlaps, by position, and touch no
        placeholder; `placeholder` gives None where the value is to stay.
        """
        pieces: list[str] = []
        kept: list[tuple[int, int, int]] = []
        length = at = 0
        for span in spans:
            value = self.text[span.start : span.end]
            name = placeholder(span, value)
            before = self._before(span.start)
            if name is None:
                self._add(Span(before, before + len(value), span.type, span.score, span.recognizer), None)
                continue
            length = self._keep(at, span.start, length, pieces, kept)
            # A placeholder that ran into a word would not be known as one the next time.
            shown = f"{' ' * _joins(self.text, span.start - 1)}{name}{' ' * _joins(self.text, span.end)}"
            pieces.append(shown)
            length += len(shown)
            at = span.end
            self._add(Span(before, before + len(value), span.type, span.score, span.recognizer), name)
        if not pieces:
            return False
        self._keep(at, len(self.text), length, pieces, kept)
        self.text, self._kept = "".join(pieces), kept
        return True

    def _add(self, span: Span, name: str | None) -> None:
        if (span, name) not in self._told:
            self._told.add((span, name))
            self.spans.append(span)
            self.placeholders.append(name)

    def _before(self, position: int) -> int:
        start, _, before = self._kept[bisect_right(self._kept, position, key=_start) - 1]
        return before + position - start

    def _keep(self, start: int, end: int, length: int, pieces: list[str], kept: list[tuple[int, int, int]]) -> int:
        pieces.append(self.text[start:end])
        first = max(0, bisect_right(self._kept, start, key=_start) - 1)
        last = bisect_left(self._kept, end, key=_start)
        for a, b, before in self._kept[first:last]:
            low, high = max(a, start), min(b, end)
            if low < high:
                kept.append((length + low - start, length + high - start, before + low - a))
        return length + end - start


def _start(stretch: tuple[int, int, int]) -> int:
    return stretch[0]


def _joins(text: str, position: int) -> bool:
    return 0 <= position < len(text) and text[position].isascii() and text[position].isalnum()
