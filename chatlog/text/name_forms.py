"""The forms of one name: cases, possessives, spellings, inflections and scripts made comparable.

`Мария Петрова`, `Марии Петровой` and `Maria Petrova` are one person in a conversation. Words are
transliterated to Latin letters (anyascii) and reduced to a skeleton in which the usual ways of
transliterating one sound are one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import regex
from anyascii import anyascii

_POSSESSIVE: Final = regex.compile(r"['’](?:s|\p{Ll}{1,4})?$")
"""An English possessive, or a Turkish or Finnish suffix behind an apostrophe."""

TITLES: Final = frozenset(
    "mr mrs ms miss mx dr prof sr sra srta dra don doña herr frau monsieur madame mme mlle hon judge justice rev fr "
    "sir lady dame señor señora signor signora dott ing pan pani г-н г-жа господин госпожа".split()
)
"""Forms of address, which belong to no name."""

_SOUNDS: Final = (
    ("sch", "s"), ("shch", "s"), ("sh", "s"), ("zh", "z"), ("kh", "h"), ("ch", "c"), ("ts", "c"), ("tz", "c"),
    ("ph", "f"), ("th", "t"), ("ck", "k"), ("dzh", "z"), ("dj", "z"), ("x", "ks"), ("w", "v"), ("q", "k"),
    ("ou", "u"), ("oo", "u"), ("oy", "u"), ("ee", "i"), ("y", "i"), ("j", "i"),
)  # fmt: skip
"""Ways of writing one sound in Latin letters, longest first."""

_REPEATED: Final = regex.compile(r"(.)\1+")
_NOT_LETTER: Final = regex.compile(r"[^a-z]+")
_VOWELS: Final = str.maketrans("", "", "aeiou")
_INFLECTED: Final = regex.compile(r"(?<=[a-z]{3})(?:[ou]go|omu|[oei]m)?$|(?<=[a-z]{3})[aeiou]+$")
"""Endings of Slavic and Greek declension, after transliteration."""
_CJK: Final = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_SYLLABLE: Final = regex.compile(r"[A-Z][a-z]*|[a-z]+")
_TWO_SYLLABLE: Final = frozenset(
    "欧阳 歐陽 司马 司馬 诸葛 諸葛 上官 东方 皇甫 尉迟 公孙 慕容 남궁 황보 선우 제갈".split()
)

_KOREAN: Final = {"gim": "kim", "i": "li", "bag": "park", "coe": "choi", "ceong": "iung", "ieong": "iung", "im": "lim"}
"""Family names whose usual Latin form is far from their sounds (in skeletons)."""


class Part(NamedTuple):
    """One word of a name.

    Attributes:
        exact: its skeleton: equal for spellings of one word.
        stem: the skeleton without an ending: equal for inflections.
        bones: the consonants alone: equal for scripts that write no vowels.
        latin: whether it was written in Latin letters.
    """

    exact: str
    stem: str
    bones: str
    latin: bool


def bare_words(name: str) -> tuple[str, ...]:
    """The name's words in lower case, without titles and a possessive `'s`."""
    words = [_POSSESSIVE.sub("", word).strip(".,'’\"").lower() for word in name.split()]
    return tuple(word for word in words if word and word not in TITLES)


def parts(name: str) -> tuple[Part, ...]:
    """The parts of a name, in order; a name in Chinese, Japanese or Korean is cut behind its family name."""
    found: list[Part] = []
    for word in bare_words(name):
        for piece in _pieces(word):
            part = _part(piece)
            if part.exact:
                found.append(part)
    return tuple(found)


def skeleton(word: str) -> str:
    """Lower-case Latin letters in which the usual transliterations of one sound are one; may be empty."""
    plain = _NOT_LETTER.sub("", anyascii(word).lower())
    for written, sound in _SOUNDS:
        if written in plain:
            plain = plain.replace(written, sound)
    return _REPEATED.sub(r"\1", plain)


def _pieces(word: str) -> tuple[str, ...]:
    if not _CJK.search(word) or len(word) < 2:
        return (word,)
    family = 2 if word[:2] in _TWO_SYLLABLE and len(word) > 2 else 1
    return word[:family], word[family:]


def _part(word: str) -> Part:
    exact = skeleton(word)
    if _CJK.search(word):
        exact = _KOREAN.get(exact, exact)
        return Part(exact, exact, exact, latin=False)
    latin = word[:1].isascii() or regex.match(r"\p{Latin}", word) is not None
    silent = exact[:-1] if exact.endswith("h") and len(exact) > 3 else exact
    return Part(exact, _INFLECTED.sub("", silent, count=1), silent.translate(_VOWELS) or exact, latin)


def same(one: Part, other: Part) -> bool:
    """Whether two words can be forms of one word."""
    if one.exact == other.exact:
        return True
    if one.latin and other.latin:
        return False
    if one.stem == other.stem and len(one.stem) > 2:
        return True
    return one.latin != other.latin and one.bones == other.bones and len(one.bones) > 2
