"""All pattern rules over one text, from one normalised view."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Final

import regex

from chatlog.text.actions import HASH_LENGTH
from chatlog.text.literals import Literals, matches
from chatlog.text.patterns import CONTACT, MONEY, NETWORK, TRIGGERS
from chatlog.text.pii_identity import IDENTITY
from chatlog.text.pii_national import NATIONAL
from chatlog.text.pii_places import PLACES
from chatlog.text.pii_secrets import SECRETS
from chatlog.text.pii_span import LABELS, Span
from chatlog.text.pii_wallets import WALLETS
from chatlog.text.surrogates import SURROGATE
from chatlog.text.view import View, view

RULES: Final = (*SECRETS, *CONTACT, *NETWORK, *MONEY, *WALLETS, *IDENTITY, *NATIONAL, *PLACES)
"""Every pattern rule."""

PLACEHOLDER: Final = regex.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join(sorted(set(LABELS.values())))})_(?:[0-9a-f]{{{HASH_LENGTH}}}|\d+)(?![A-Za-z0-9])"
)
"""A placeholder or a keyed hash of this stage, or a placeholder of LMSYS's own redaction (NAME_1)."""


def placeholders(text: str, surrogates: bool = False) -> list[tuple[int, int]]:
    """Where placeholders stand already, and surrogates where they are asked for; disjoint, by position."""
    found = [match.span() for match in PLACEHOLDER.finditer(text)] if "_" in text else []
    if surrogates:
        found = sorted([*found, *(match.span() for match in SURROGATE.finditer(text))])
    return found


def touches(holes: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether `[start, end)` shares a character with one of `holes`, which are disjoint and by position."""
    at = bisect_left(holes, (end, 0))
    return at > 0 and holes[at - 1][1] > start


def find_patterns(
    text: str, seen: View | None = None, holes: Sequence[tuple[int, int]] | None = None, only: int = -1
) -> list[Span]:
    """What the pattern rules find in `text`, overlaps and all; nothing that touches one of `holes`.

    Args:
        text: as it is.
        seen: its view, where it is known.
        holes: disjoint stretches by position; placeholders by default.
        only: the rules to try, a bit for each by its place in RULES; all by default.
    """
    plain = view(text) if seen is None else seen
    holes = placeholders(text) if holes is None else holes
    literals = _literals()
    low = plain.text.lower()
    hits = literals.hits(low)
    met = literals.always
    for _, mask in hits:
        met |= mask
    met &= only
    near = len(low) == len(plain.text)
    needs: dict[str, bool] = {}
    spans = []
    while met:
        # The lowest bit that is set is the next rule: most texts meet few of them.
        number = (met & -met).bit_length() - 1
        rule = RULES[number]
        met &= met - 1
        if rule.needs not in needs:
            needs[rule.needs] = TRIGGERS[rule.needs](plain.text)
        if not needs[rule.needs]:
            continue
        group = "v" if "v" in rule.pattern.groupindex else 0
        found = (
            matches(rule.pattern, plain.text, number, hits)
            if near and rule.words and rule.name not in _FAR
            else rule.pattern.finditer(plain.text)
        )
        for match in found:
            if rule.check is not None and not rule.check(match[group]):
                continue
            start, end = plain.start(match.start(group)), plain.end(match.end(group))
            if start < end and not touches(holes, start, end):
                spans.append(Span(start, end, rule.type, rule.score, rule.name))
    return spans


_FAR: Final = frozenset(["private_key"])
"""Rules whose matches run on far behind their literals."""


@cache
def _literals() -> Literals:
    return Literals([rule.words for rule in RULES])
