"""The words of a question that may name what it is about, in any script, in the runs in which they stand together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Final, NamedTuple

import regex

from chatlog.errors import MissingExtra
from chatlog.text.prose import without_code
from chatlog.text.word_forms import bare, base, key_of

SAMPLE: Final = 1500
"""Characters of a text that are looked at, about what an embedder reads of it."""

_LONGEST_WORD: Final = 40  # beyond it stand keys, hashes and base64

_REMEMBERED: Final = 1 << 15
"""Words whose look-up is remembered, some 15 MB: questions say the same words over and over."""

_CHINESE_JAPANESE: Final = r"\p{Han}\p{Hiragana}々"
_SOUTHEAST: Final = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# A letter of a script that writes spaces; marks belong to a word, and so do joiners, as Persian and Hindi write them.
_LETTER: Final = rf"[[\p{{L}}\p{{M}}\u200c\u200d]--[{_CHINESE_JAPANESE}\p{{Katakana}}ー{_SOUTHEAST}]]"
_NEW: Final = "york|zealand|jersey|orleans|mexico|delhi|england|hampshire|testament"

_RUN: Final = regex.compile(
    r"(?P<katakana>[\p{Katakana}ー]{2,})"
    rf"|(?P<unspaced>[{_CHINESE_JAPANESE}]+|(?:[{_SOUTHEAST}]\p{{M}}*)+)"
    rf"|(?P<place>(?i:\bnew\ +(?:{_NEW})\b))"
    rf"|(?P<word>{_LETTER}(?:{_LETTER}|\p{{N}})*(?:['’.\-_](?:{_LETTER}|\p{{N}})+|\+\+|\#)*)"
    r"|(?P<number>\p{N}(?:[.,:%-]?[\p{N}\p{Latin}])*)"
    r"|(?P<stop>[^\s\p{M}])",
    regex.V1,
)

_DIGITS: Final = regex.compile(r"\d{1,4}\p{L}{1,6}")
_MEASURE: Final = regex.compile(
    r"\d+(?:st|nd|rd|th|s|x|am|pm|kg|km|cm|mm|m|g|mg|ml|l|min|mins|h|hr|hrs|px|b|gb|mb|tb|er|ème)", regex.I
)
"""A number and its unit ("5kg") says nothing alone; "401k" and "2fa" do."""

_CODE: Final = regex.compile(r"^(?=.{6})\p{Lu}+\p{N}+\p{Lu}[\p{Lu}\p{N}]*$")
"""A booking's code; a virus or a robot (H1N1) has a shorter name."""

_ELISION: Final = regex.compile(
    r"(?i)^(?:qu|jusqu|lorsqu|puisqu|aujourd|(?:d|n|s)?all|dell|un|quest|quell|[ldjmtsncgv])['’](?=\p{L}{2})"
)
"""French and Italian articles and prepositions before a vowel; "aujourd'hui" is no noun either."""

_ENGLISH: Final = regex.compile(r"(?i)\b(?:the|is|are|was|what|how|why|where|to|my|your|you|for|and|with|can|does)\b")
_KANA: Final = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HIRAGANA: Final = regex.compile(r"[\p{Hiragana}ー]+")
_JOINED_LINKS: Final = frozenset({"の", "的", "之"})
_SHORTEST_HIRAGANA: Final = 4

_SHORT: Final = frozenset(
    {"ai", "ml", "pc", "tv", "uk", "us", "eu", "un", "js", "ui", "ux", "3d", "2d", "hr", "it", "os", "vr", "ar"}
)
# Two-letter words that name a topic, mostly where they are written in capitals; the others are variables and syllables.
_IN_CAPITALS: Final = frozenset({"IT", "US", "UN", "AR", "HR", "OS"})


class Role(IntEnum):
    """What a word can do in a name."""

    NAMES = 0  # it can name a topic
    ENDS = 1  # it says little alone, and ends a phrase: "shopping list"
    LINKS = 2  # it stands between the words of a phrase: "cost of living"


class Word(NamedTuple):
    """A word of a run.

    Attributes:
        surface: as it is shown; without clitics and particles, with its capitals.
        key: by which the forms of one word are one.
        role: what it can do.
        joined: whether its script writes no space before it.
    """

    surface: str
    key: str
    role: Role
    joined: bool = False


def runs(text: str) -> list[list[Word]]:
    """The words of `text` by run: what stands together, with no punctuation, number or small word between.

    Code, addresses, markup and placeholders are left out, and so are words of grammar and of asking ("please",
    "write me"). Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut into words by ICU's dictionaries.

    Raises:
        MissingExtra: icu4py is not installed, and the text needs it.
    """
    text = without_code(text, SAMPLE)
    japanese, english = _KANA.search(text) is not None, _ENGLISH.search(text) is not None
    found: list[list[Word]] = []
    run: list[Word] = []
    for word in _words(text, japanese, english):
        if word is not None:
            run.append(word)
        elif run:
            found.append(run)
            run = []
    if run:
        found.append(run)
    return [trimmed for trimmed in map(_trimmed, found) if trimmed]


def _trimmed(run: list[Word]) -> list[Word]:
    """The run without links at its ends."""
    start, end = 0, len(run)
    while start < end and run[start].role is Role.LINKS:
        start += 1
    while end > start and run[end - 1].role is Role.LINKS:
        end -= 1
    return run[start:end]


def _words(text: str, japanese: bool, english: bool) -> Iterator[Word | None]:
    """The words in order; None for whatever ends a run."""
    end = 0
    for match in _RUN.finditer(text):
        value = match.group()
        if match.start() > end and match.lastgroup in ("unspaced", "katakana"):
            yield None  # a space between two words of such a script is a comma
        end = match.end()
        match match.lastgroup:
            case "word":
                yield from _spaced(value, english)
            case "unspaced":
                for piece in _segmented(value):
                    yield _unspaced(piece, japanese)
            case "katakana":
                yield Word(value, value, _role(value), joined=True)
            case "place":
                yield Word(" ".join(value.split()), " ".join(value.lower().split()), Role.NAMES)
            case "number" if _DIGITS.fullmatch(value) and not _MEASURE.fullmatch(value):
                yield Word(value, value.lower(), Role.NAMES)
            case _:
                yield None


def _spaced(value: str, english: bool) -> tuple[Word | None, ...]:
    # Identifiers, keys, codes ("XK4DR7"), and placeholders that redact left.
    if len(value) > _LONGEST_WORD or "_" in value or _CODE.search(value):
        return (None,)
    return _known(value, english)


@lru_cache(maxsize=_REMEMBERED)
def _known(value: str, english: bool) -> tuple[Word | None, ...]:
    """A word of a spaced script; none for one that says nothing and ends no run, (None,) for one that ends it."""
    elided = _ELISION.match(value)
    if elided is not None:
        return (None, *_known(value[elided.end() :], english))
    surface = bare(value)
    lower = surface.lower()
    if lower in links():
        return (Word(lower, lower, Role.LINKS),)
    if english and lower in also_english():
        return (Word(surface, lower, Role.NAMES),)  # "car" is French for "because"
    if lower in articles():
        return ()  # "cancel my order" is "cancel order"
    if surface in _IN_CAPITALS:
        return (Word(surface, lower, Role.NAMES),)
    if value.lower().replace("’", "'") in stop_words() or not _tells(lower):
        return (None,)
    return (Word(surface, key_of(surface), _role(lower)),)


def _tells(lower: str) -> bool:
    if lower in stop_words() or (len(lower) < 2 and not "가" <= lower <= "힣"):
        return False
    if lower.isascii() and len(lower) < 3 and not lower.endswith(("#", "+")) and lower not in _SHORT:
        return False
    # "asking", "writes": forms of words that say nothing. The shortest words are too much alike ("news").
    return not any(len(form) > 3 and form in stop_words() for form in base(lower))


def _role(lower: str) -> Role:
    ends = weak_words()
    # A Korean word of one syllable is mostly grammar.
    return Role.ENDS if len(lower) == 1 or lower in ends or any(form in ends for form in base(lower)) else Role.NAMES


@lru_cache(maxsize=_REMEMBERED)
def _unspaced(piece: str, japanese: bool) -> Word | None:
    if piece in _JOINED_LINKS:
        return Word(piece, piece, Role.LINKS, joined=True)
    if piece in stop_words() or (_HIRAGANA.fullmatch(piece) and len(piece) < _SHORTEST_HIRAGANA):
        return None
    if len(piece) == 1:
        # In Japanese a single character is a word; in Chinese it is mostly grammar that no list is long enough for, or
        # what is left of a word that the dictionary does not know.
        return Word(piece, piece, Role.NAMES, joined=True) if japanese else None
    return Word(piece, piece, _role(piece), joined=True)


def _segmented(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
        return
    for piece in _breaker()(run):
        yield str(piece)


@cache
def _breaker() -> Callable[[str], Iterator[object]]:
    try:
        from icu4py.breakers import WordBreaker
    except ImportError as error:
        raise MissingExtra("keywords of topics", "embed") from error
    # One dictionary serves Chinese and Japanese, and each script has its own: the locale changes nothing here.
    return lambda run: iter(WordBreaker(run, "en"))


@cache
def _lines() -> dict[str, frozenset[str]]:
    text = resources.files("chatlog.text").joinpath("stop_words.txt").read_text(encoding="utf-8")
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: frozenset(words.split()) for name, _, words in lines}


@cache
def stop_words() -> frozenset[str]:
    """Words of grammar in some 40 languages, and the words of asking ("please", "write") that every topic has."""
    return frozenset().union(
        *(words for name, words in _lines().items() if name not in ("weak", "links", "articles", "also-english"))
    )


@cache
def weak_words() -> frozenset[str]:
    """Words that say little alone and end a phrase: "list", "time"."""
    return _lines()["weak"] - stop_words()


@cache
def links() -> frozenset[str]:
    """Small words that stand inside of a name: "of", "de"."""
    return _lines()["links"]


@cache
def articles() -> frozenset[str]:
    """Words that may stand within a phrase and are left out of it: "the", "my"."""
    return _lines()["articles"] - links()


@cache
def also_english() -> frozenset[str]:
    """Small words of other languages that name things in English."""
    return _lines()["also-english"]
