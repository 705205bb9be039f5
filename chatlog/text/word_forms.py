"""Forms of one word, by light rules for each script: an ending, an article or a particle is no other word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

_KOREAN_PARTICLES: Final = regex.compile(
    r"(?<=\p{Hangul}{2})(?:에서는|에서도|에서|에게서|에게|으로써|으로는|으로|이라는|라는|까지|부터|처럼|보다|마다|조차|밖에|이나|이란|란"
    r"|들의|들을|들이|들은|은|는|이|가|을|를|에|의|로|도|와|과|만)$"
)

_ARABIC_SIGNS: Final = regex.compile(r"[\u064B-\u065F\u0670\u0640]")
"""Vowel signs and the stroke that lengthens a word; no spelling needs them."""

_ARABIC_CLITIC: Final = regex.compile(r"^(?:[وف]?[بك]?ال|[وف]?لل)(?=\p{Arabic}{3})")
"""And, so, in, as and to before the article."""

_ARABIC_FOLDED: Final = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه"})

_PERSIAN_PLURAL: Final = regex.compile(r"(?<=\p{Arabic}{2})\u200c?ها(?:ی|یی)?$|\u200c(?:ی|ای|اش|ام|ات)$")

_CYRILLIC_ENDING: Final = regex.compile(
    r"(?<=\p{Cyrillic}{4})(?:ями|ами|ыми|ими|ого|его|ому|ему|ах|ях|ов|ев|ей|ой|ый|ий|ая|яя|ое|ее|ые|ие|ую|юю|ом|ем|ам|ям"
    r"|ия|ии|ию|ию|а|я|о|е|ы|и|у|ю|ь|й|ї|і)$"
)

_HEBREW_PREFIX: Final = regex.compile(r"^[והבלמשכ](?=\p{Hebrew}{3})")


def bare(word: str) -> str:
    """The word as it is shown: without an English possessive, Korean particles, and Arabic signs and conjunctions."""
    if word.isascii():
        return word.removesuffix("'s").removesuffix("'S") if "'" in word else word
    word = word.replace("’", "'").removesuffix("'s").strip("\u200c\u200d")
    last = word[-1:]
    if "가" <= last <= "힣":
        return str(_KOREAN_PARTICLES.sub("", word))
    if "\u0600" <= last <= "\u06ff":
        word = _ARABIC_SIGNS.sub("", word)
        found = _ARABIC_CLITIC.match(word)
        if found is not None:
            return "ال" + word[found.end() :]
    return word


def key_of(word: str) -> str:
    """The key of a word of `bare`: in lower case, and for some scripts without article, vowel signs or ending."""
    lower = word.lower()
    if lower.isascii():
        return lower
    last = lower[-1]
    if "\u0600" <= last <= "\u06ff":
        plain = lower.removeprefix("ال") if len(lower) > 4 else lower
        return str(_PERSIAN_PLURAL.sub("", plain)).replace("\u200c", "").translate(_ARABIC_FOLDED)
    if "\u0400" <= last <= "\u04ff":
        return str(_CYRILLIC_ENDING.sub("", lower.replace("ё", "е")))
    return lower


def base(word: str) -> Iterator[str]:
    """What `word`, in lower case, may be a form of; most of them are no words, so ask whether one is there."""
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss"):
        yield word[:-1]
        if word.endswith("es"):
            yield word[:-2]
    for ending in ("ed", "ing"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word[: -len(ending)]
            yield stem
            yield stem + "e"
            if stem[-1] == stem[-2]:
                yield stem[:-1]
    if (len(word) > 6 and not word.isascii()) or word.endswith(("en", "n", "e")):
        # German and Dutch, and words with letters of their own: a plural or a case adds one letter or two.
        for ending in ("en", "n", "e"):
            if word.endswith(ending) and len(word) - len(ending) >= 5:
                yield word[: -len(ending)]
    if _HEBREW_PREFIX.match(word):
        yield word[1:]


def forms(key: str) -> Iterator[str]:
    """A key and what it may be a form of: two words are forms of one where these have something in common."""
    yield key
    yield from base(key)
