"""Names that a model gave to topics, read strictly: what may tell of a person, or is no name, is none."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

import regex

from chatlog.text.corpus import Corpus
from chatlog.text.detect import find_patterns
from chatlog.text.titles import written
from chatlog.text.word_forms import forms
from chatlog.text.words import runs

_LONGEST: Final = 60
_MOST_WORDS: Final = 6
_MOST_UNSPACED: Final = 24
_LONGEST_WORD: Final = 30
_QUOTED_WORDS: Final = 5
_WHOLE_WORDS: Final = 3

_AROUND: Final = " \t\"'`*_“”„«»「」.。!"
_ALLOWED: Final = regex.compile(r"[\p{L}\p{M}\p{N} '’&/+#.,:()·•–-]+")
_DIGITS: Final = regex.compile(r"\p{N}[\p{N} .,/-]{3,}")
_ADDRESS: Final = regex.compile(r"//|(?i:\bwww\.|\w\.(?:com|org|net|io|de|ru|cn)\b)|[\p{L}\p{N}]_")
_UNSPACED: Final = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_LABEL: Final = regex.compile(r"(?i)^\s*(?:topic|name|label|title)\s*(?:name)?\s*[:=-]\s*")


def read_name(answer: str) -> str | None:
    """The name in an answer: of its JSON object, or else its first line; None for anything else than a short name."""
    found = _told(answer.strip())
    if found is None:
        return None
    name = " ".join(unicodedata.normalize("NFC", found).strip(_AROUND).split())
    if not 2 <= len(name) <= _LONGEST or _ALLOWED.fullmatch(name) is None or not any(map(str.isalpha, name)):
        return None
    pieces = name.split()
    if len(pieces) > _MOST_WORDS or max(map(len, pieces)) > _LONGEST_WORD:
        return None
    if _UNSPACED.search(name) and len(name) > _MOST_UNSPACED:
        return None
    return written([name])


def is_safe(name: str, shown: Sequence[str], corpus: Corpus, groups: Collection[int], min_users: int) -> bool:
    """Whether a name tells of no single person.

    It may hold no address, number or anything that the rules of `redact` find; it may not quote a question; and each
    of its words that stands in the topic's questions has to be one that enough people wrote. A word of the model's
    own stands in none of them.

    Args:
        name: as `read_name` gives it.
        shown: the questions that the model was shown.
        corpus: the texts of all topics.
        groups: the topics that are named.
        min_users: the people who must have written a word.
    """
    if _DIGITS.search(name) or _ADDRESS.search(name) or find_patterns(name):
        return False
    plain = _plain(name)
    texts = [_plain(text) for text in shown]
    length = len(plain.split())
    if length >= _QUOTED_WORDS and any(f" {plain} " in f" {text} " for text in texts):
        return False
    if length >= _WHOLE_WORDS and plain in texts:
        return False
    spoken = [(_plain(word.surface), frozenset(forms(word.key))) for run in runs(name) for word in run]
    writers = corpus.writers(groups, {word for _, word in spoken}, min_users)
    # A word that is in the questions and was not counted stands in code there, or in an address.
    return all(
        writers[word] >= min_users or (writers[word] == 0 and not any(_holds(text, surface) for text in texts))
        for surface, word in spoken
    )


def _holds(text: str, word: str) -> bool:
    return word in text if _UNSPACED.search(word) else f" {word} " in f" {text} "


def _told(answer: str) -> str | None:
    fenced = answer.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if fenced.startswith("{"):
        try:
            told = json.loads(fenced)
        except (json.JSONDecodeError, RecursionError):
            return None
        name = told.get("name") if isinstance(told, dict) else None
        return name if isinstance(name, str) and "\n" not in name else None
    line = fenced.split("\n", 1)[0]
    return _LABEL.sub("", line) or None


def _plain(text: str) -> str:
    return " ".join(regex.sub(r"[^\p{L}\p{M}\p{N}]+", " ", text.casefold()).split())
