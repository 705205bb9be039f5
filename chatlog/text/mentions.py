"""Later mentions of a person who was named: the whole name in any case, its parts as capitalised words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import regex

from chatlog.text.pii_gazetteer import NOT_NAMES, is_family, is_given
from chatlog.text.pii_span import Span
from chatlog.text.placeholders import name_parts

_WORDS: Final = frozenset(
    "will may mark bill rose grace hope faith joy art page young brown white black green king long day april june ante "
    "august summer winter rich grant pat drew chase hunter cook baker price bush wood stone park lane hill field house "
    "church street the and van von der den del de la le di da dos jr sr ii iii mr ms dr st md phd".split()
)
"""Parts of names that are words or months as often; alone they are no mention."""

_UNSAFE: Final = _WORDS | NOT_NAMES

_SHORTEST: Final = 3


def find_mentions(texts: Sequence[str], names: Iterable[str]) -> list[list[Span]]:
    """For each text the mentions of `names` in it, overlaps and all."""
    whole: set[str] = set()
    exact: set[str] = set()
    parts: set[str] = set()
    for name in names:
        words = name_parts(name)
        if not any(is_given(word) or is_family(word) for word in words):
            # Nothing but the model's word for it: its later mentions are those that look the same.
            if len(name) > _SHORTEST and not (len(words) == 1 and words[0] in _UNSAFE):
                exact.add(name)
            continue
        if len(words) > 1 and len(" ".join(words)) > _SHORTEST:
            whole.add(r"[\s_.-]{1,2}".join(regex.escape(word) for word in words))
        parts.update(word for word in words if len(word) >= _SHORTEST and word not in _UNSAFE and word[0].isalpha())
    found: list[list[Span]] = [[] for _ in texts]
    patterns = []
    if whole:
        longest = "|".join(sorted(whole, key=len, reverse=True))
        patterns.append(regex.compile(rf"(?i)(?<![\w@])(?:{longest})(?![\w@])"))
    if exact:
        longest = "|".join(regex.escape(name) for name in sorted(exact, key=len, reverse=True))
        patterns.append(regex.compile(rf"(?<![\w@./-])(?:{longest})(?![\w@(]|[.:]\w)"))
    if parts:
        forms = (
            regex.escape(form)
            for word in sorted(parts)
            for form in sorted({word.title(), word.capitalize(), word.upper()})
        )
        patterns.append(regex.compile(rf"(?<![\w@./-])(?:{'|'.join(forms)})(?![\w@(]|[.:]\w)"))
    for text, spans in zip(texts, found, strict=True):
        for pattern in patterns:
            spans += [Span(match.start(), match.end(), "PERSON", 0.72, "mention") for match in pattern.finditer(text)]
    return found
