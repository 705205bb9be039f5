"""All pattern rules over one text, from one normalised view."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import regex

from chatlog.text.patterns import CONTACT, MONEY, NETWORK, TRIGGERS
from chatlog.text.pii_identity import IDENTITY
from chatlog.text.pii_secrets import SECRETS
from chatlog.text.pii_span import LABELS, Span
from chatlog.text.view import View, view

RULES: Final = (*SECRETS, *CONTACT, *NETWORK, *MONEY, *IDENTITY)
"""Every pattern rule."""

PLACEHOLDER: Final = regex.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(sorted(set(LABELS.values())))})_\d+(?![A-Za-z0-9])")
"""A placeholder of this stage, or of LMSYS's own redaction (NAME_1)."""


def placeholders(text: str) -> list[tuple[int, int]]:
    """Where placeholders stand already."""
    return [match.span() for match in PLACEHOLDER.finditer(text)] if "_" in text else []


def touches(holes: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether `[start, end)` shares a character with one of `holes`, which are disjoint and by position."""
    at = bisect_left(holes, (end, 0))
    return at > 0 and holes[at - 1][1] > start


def find_patterns(text: str, seen: View | None = None) -> list[Span]:
    """What the pattern rules find in `text`, overlaps and all; nothing that touches a placeholder."""
    plain = view(text) if seen is None else seen
    holes = placeholders(text)
    low = plain.text.lower()
    met = {name: holds(plain.text) for name, holds in TRIGGERS.items()}
    spans = []
    for rule in RULES:
        if not met[rule.needs] or (rule.words and not any(word in low for word in rule.words)):
            continue
        group = "v" if "v" in rule.pattern.groupindex else 0
        for match in rule.pattern.finditer(plain.text):
            if rule.check is not None and not rule.check(match[group]):
                continue
            start, end = plain.start(match.start(group)), plain.end(match.end(group))
            if start < end and not touches(holes, start, end):
                spans.append(Span(start, end, rule.type, rule.score, rule.name))
    return spans
