"""Later mentions of a person who was named: the whole name in any case, its parts as capitalised words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import regex
from anyascii import anyascii

from chatlog.text.name_forms import bare_words
from chatlog.text.pii_gazetteer import NOT_NAMES, is_common, is_family, is_given
from chatlog.text.pii_span import Span

_WORDS: Final = frozenset(
    "will may mark bill rose grace hope faith joy art page young brown white black green king long day april june ante "
    "august summer winter rich grant pat drew chase hunter cook baker price bush wood stone park lane hill field house "
    "church street the and van von der den del de la le di da dos jr sr ii iii mr ms dr st md phd".split()
)
"""Parts of names that are words or months as often; alone they are no mention."""

_UNSAFE: Final = _WORDS | NOT_NAMES

_SHORTEST: Final = 3

_CJK: Final = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}·]+\Z")
_CYRILLIC: Final = regex.compile(r"\p{Cyrillic}+\Z")
_SOFT: Final = regex.compile(r"[аеёиоуыэюяйьіїє]+\Z")
_ENDINGS: Final = r"(?:[аеёиоуыэюяйьіїє]{0,2}|[оеёы]м|ого|ему|ому|ою|ею|ых|[ая]ми|[ая]х|ові)"
"""Endings of Slavic declension."""


class Mentions:
    """The names that a conversation has told so far, and where they are mentioned.

    Patterns are made when they are wanted and the names have changed.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._patterns: list[Any] | None = None

    def __bool__(self) -> bool:
        return bool(self._names)

    def add(self, names: Iterable[str]) -> None:
        """Tells of names."""
        before = len(self._names)
        self._names.update(names)
        if len(self._names) > before:
            self._patterns = None

    def find(self, text: str) -> list[Span]:
        """The mentions of the names in `text`, overlaps and all."""
        if self._patterns is None:
            self._patterns = _patterns(sorted(self._names))
        return [
            Span(match.start(), match.end(), "PERSON", 0.72, "mention")
            for pattern in self._patterns
            for match in pattern.finditer(text)
        ]


def _patterns(names: Iterable[str]) -> list[Any]:
    whole: set[str] = set()
    exact: set[str] = set()
    unspaced: set[str] = set()
    forms: set[str] = set()
    for name in names:
        words = bare_words(name)
        if _CJK.match(name) and len(name) > 1:
            unspaced.add(name)
            if len(words) == 1 and not name.isascii():
                whole |= _latin_orders(name)
            continue
        foreign = [word for word in words if not word[0].isascii() and not regex.match(r"\p{Latin}", word)]
        if not foreign and not any(is_given(word) or is_family(word) for word in words):
            # Nothing but the model's word for it: its later mentions are those that look the same.
            if len(name) > _SHORTEST and not all(word in _UNSAFE or is_common(word) for word in words):
                exact.add(name)
            continue
        if len(words) > 1 and len(" ".join(words)) > _SHORTEST:
            whole.add(r"[\s_.-]{1,2}".join(regex.escape(word) for word in words))
        for word in words:
            ordinary = word in _UNSAFE or (is_common(word) and not is_given(word))
            if len(word) >= _SHORTEST and not ordinary and word[0].isalpha():
                forms |= _forms(word)
    found = []
    if whole:
        longest = "|".join(sorted(whole, key=lambda form: (-len(form), form)))
        found.append(regex.compile(rf"(?i)(?<![\w@])(?:{longest})(?![\w@])"))
    if exact:
        longest = "|".join(regex.escape(name) for name in sorted(exact, key=lambda form: (-len(form), form)))
        found.append(regex.compile(rf"(?<![\w@./-])(?:{longest})(?![\w@(]|[.:]\w)"))
    if forms:
        found.append(regex.compile(rf"(?<![\w@./-])(?:{'|'.join(sorted(forms))})(?![\w@(]|[.:]\w)"))
    if unspaced:
        found.append(regex.compile("|".join(regex.escape(name) for name in sorted(unspaced, reverse=True))))
    return found


def _forms(word: str) -> set[str]:
    """Patterns of the ways in which one word of a name is written when it stands alone."""
    found = {regex.escape(form) for form in (word.title(), word.capitalize(), word.upper())}
    if _CYRILLIC.match(word):
        stem = _SOFT.sub("", word)
        if len(stem) >= _SHORTEST:
            found.add(regex.escape(stem.title()) + _ENDINGS)
    if not word.isascii() and not regex.match(r"\p{Latin}", word):
        latin = anyascii(word)
        if latin.isalpha() and len(latin) >= _SHORTEST and latin.lower() not in _UNSAFE:
            found.add(latin.title())
    return found


def _latin_orders(name: str) -> set[str]:
    """A Chinese or Korean name in Latin letters, the family name first or last."""
    syllables = regex.findall(r"[A-Z][a-z]*", anyascii(name))
    if not 2 <= len(syllables) <= 4:
        return set()
    family, given = syllables[0], r"[\s-]?".join(syllables[1:])
    return {rf"{family}\s{given}", rf"{given}\s{family}"}
