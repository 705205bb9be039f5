"""Person names by lists of given and family names, wherever they stand and in whatever language."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import regex

from chatlog.text.english import leaning
from chatlog.text.pii_span import Span


def _words(*names: str) -> frozenset[str]:
    texts = (files("chatlog.text").joinpath(name).read_text(encoding="utf-8") for name in names)
    return frozenset(
        word for text in texts for line in text.splitlines() if not line.startswith("#") for word in line.split()
    )


GIVEN: Final = _words("given_names.txt")
"""Given names, lower case."""

FAMILY: Final = _words("surnames.txt")
"""Family names, lower case."""

AMBIGUOUS: Final = _words("ambiguous_names.txt")
"""Names that are other words as often."""

NOT_NAMES: Final = _words("not_names.txt")
"""Words that are part of no name, though they are written with a capital."""

COMMON: Final = _words("common_words.txt")
"""Words that are capitalised in headings, and places, peoples and products: no person's name by themselves."""

_COMMON_ENDING: Final = regex.compile(
    r"\p{L}{2,}(?:[st]ions?|ments?|ness(?:es)?|it(?:y|ies)|isms?|olog(?:y|ies|ical)|icall?y?|[ai]ble|ives?|ous|ful|less|ships?"
    r"|wares?|i[sz](?:e[ds]?|ing|ation)|ated|ating|ics|graph(?:y|ic)|ings|[^aeiou]ing|ually|ively)"
)
"""Endings that few names have."""

_FAMILY_ENDING: Final = regex.compile(
    r"\p{L}{2,}(?:sson|sen|qvist|quist|ström|strøm|berg|burg|mann|stein|feld|bauer|meier|meyer|hofer|inger|ović|ević|ić|ovic|evic|enko|chuk|czyk|"
    r"wski|wska|cki|cka|ński|ska|wicz|ová|ova|eva|ov|ev|yan|ian|idze|adze|shvili|opoulos|akis|idis|oğlu|oglu|escu|eanu|dóttir|"
    r"dottir|nen|velt|ez|ães|ini|ucci|etti|elli|otti|aud|eaux|ault|eau|son|ssen|sma|stra|inga|ashvili|pour|zadeh|nejad|singh)"
)
_FOREIGN_ENDING: Final = regex.compile(
    r"\p{L}{3,}(?:ova|eva|enko|ovic|evic|ić|ović|wski|wska|sson|qvist|ström|strøm|dóttir|oğlu|oglu|escu|shvili|opoulos|åkis)"
)
"""Endings that no English word has, for a family name alone or in lower case."""

_CAPITAL: Final = (
    r"(?:\p{Lu}(?:['’]\p{Lu})?[\p{Ll}\p{M}]+(?:['’]\p{Ll}+)?(?:\p{Lu}\p{Ll}+)?(?:-\p{Lu}\p{Ll}+)*|\p{Lu}\.?(?!\p{L}))"
)
SEQUENCE: Final = regex.compile(
    rf"(?<![\p{{L}}\d@_])(?P<w>{_CAPITAL})(?:[ \t]+(?P<w>{_CAPITAL}"
    r"|(?:de|da|do|dos|das|del|della|di|van|von|der|den|ter|la|le|el|al|bin|ibn|san)(?=[ \t]+(?:\p{Lu}|l[ao]s?[ \t]))"
    r")){0,6}(?![\p{L}\d@_])"
)
"""Capitalised words in a row, with particles between them; each is a capture of `w`."""
_UPPER: Final = regex.compile(r"(?<![\p{L}\d@_])(?P<w>\p{Lu}{3,})(?:[ \t]+(?P<w>\p{Lu}{3,})){1,2}(?![\p{L}\d@_])")
_LOWER: Final = regex.compile(
    r"(?<![\p{L}\d@_./-])(?P<w>\p{Ll}{3,})[ \t](?:\p{L}[. ][ \t]?)?(?P<w>\p{Ll}{3,})(?![\p{L}\d@_/])"
)
_LIST: Final = regex.compile(
    r"(?<![\p{L}\d])(?P<w>\p{Lu}\p{Ll}+)(?:,[ ](?P<w>\p{Lu}\p{Ll}+)){2,}"
    r"(?:,?[ ](?:and|or|y|et|und|e|&)[ ](?P<w>\p{Lu}\p{Ll}+))?(?!\p{L})"
)
"""An enumeration of single capitalised words; where half are given names, the others are too."""
_ANY_UPPER: Final = regex.compile(r"\p{Lu}")
_LOWER_WORD: Final = regex.compile(r"(?<![\p{L}\d@_./-])\p{Ll}{5,}(?![\p{L}\d@_/]|\.\p{L})")
_PLACE_BEFORE: Final = regex.compile(
    r"(?:\b(?:[Uu]niversity|[Ll]ake|[Mm]ount|[Pp]ort|[Ff]ort|[Ss]aint|St\.?|San|Santa|[Cc]ity|[Tt]own) (?:of )?)\Z"
)
_POSSESSIVE: Final = regex.compile(r"['’]s\Z")
_INITIAL: Final = regex.compile(r"\p{Lu}\.?\Z")
PARTICLES: Final = frozenset("de da do dos das del della di van von der den ter la le el al bin ibn san".split())
"""Words in lower case between the parts of a name."""


def is_family(word: str) -> bool:
    """Whether a lower-case word is a family name by the list or by its ending."""
    return (
        word in FAMILY or any(part in FAMILY for part in word.split("-")) or _FAMILY_ENDING.fullmatch(word) is not None
    )


def is_common(word: str) -> bool:
    """Whether a lower-case word is an ordinary one by the list or by its ending, or one with a hyphen of such words."""
    return word in COMMON or _COMMON_ENDING.fullmatch(word) is not None


def is_given(word: str) -> bool:
    """Whether a lower-case word is a given name; a double name is by its first part."""
    return word in GIVEN or word.split("-")[0] in GIVEN


def find_listed_names(text: str) -> Iterator[Span]:
    """The names in `text` that the lists know, overlaps and all."""
    for match in SEQUENCE.finditer(text):
        words = match.captures("w")
        spans = match.spans("w")
        yield from _in_sequence(text, words, spans)
    for match in _LIST.finditer(text):
        words = [word.lower() for word in match.captures("w")]
        if 2 * sum(word in GIVEN for word in words) >= len(words):
            for start, end in match.spans("w"):
                yield Span(start, end, "PERSON", 0.58, "name_list")
    if _ANY_UPPER.search(text) is None and leaning(text) > 0:
        for match in _LOWER_WORD.finditer(text):
            if match[0] in GIVEN and match[0] not in AMBIGUOUS and match[0] not in NOT_NAMES:
                yield Span(match.start(), match.end(), "PERSON", 0.55, "name_list")
    # A pair in lower case begins with a given name, which a look at the words rules out for most texts.
    for pattern in (_UPPER, _LOWER) if not GIVEN.isdisjoint(text.split()) else (_UPPER,):
        for match in pattern.finditer(text):
            first, second = (word.lower() for word in match.captures("w")[:2])
            if (
                first in GIVEN
                and first not in AMBIGUOUS
                and (second in FAMILY or (pattern is _LOWER and _FOREIGN_ENDING.fullmatch(second)))
                and second not in NOT_NAMES
                and (pattern is _UPPER or second not in AMBIGUOUS)
            ):
                yield Span(match.start(), match.end(), "PERSON", 0.7, "name_list")


def _in_sequence(text: str, words: list[str], spans: list[tuple[int, int]]) -> Iterator[Span]:
    plain = [_POSSESSIVE.sub("", word).lower() for word in words]
    at = 0
    while at < len(words):
        end, score = _name_at(plain, words, at)
        if end == at:
            at += 1
            continue
        start = spans[at][0]
        stop = spans[end - 1][0] + len(_POSSESSIVE.sub("", words[end - 1]))
        follows = plain[end] if end < len(plain) else ""
        # `Stanford University` and `Lake Michelle` are places, whatever their words are elsewhere.
        if follows not in _THINGS and not _PLACE_BEFORE.search(text[max(0, start - 16) : start]):
            yield Span(start, stop, "PERSON", score, "name_list")
        at = end


_THINGS: Final = frozenset(
    "street st avenue ave road rd boulevard lane drive court circle way square park bridge river lake island beach bay "
    "valley university college school institute academy hospital clinic center centre church museum library airport "
    "station hotel company corporation corp inc ltd llc group bank foundation award prize theorem algorithm law effect "
    "method county city".split()
)


def _name_at(plain: list[str], words: list[str], at: int) -> tuple[int, float]:
    """The end of the name that begins at word `at`, and its score; `at` itself where none does."""
    first = plain[at]
    given = is_given(first)
    if first in NOT_NAMES or len(first) < 2 or _INITIAL.match(words[at]) or (is_common(first) and not given):
        return at, 0.0
    end = at + 1
    family = False
    while end < len(plain):
        word = plain[end]
        if word in PARTICLES:
            end += 1
            continue
        if word in NOT_NAMES and word not in FAMILY and not _INITIAL.match(words[end]):
            break
        family = family or is_family(word)
        end += 1
    while end > at + 1 and (plain[end - 1] in PARTICLES):
        end -= 1
    if end - at >= 2:
        if given and (first not in AMBIGUOUS or family):
            return end, 0.76
        if family and is_family(plain[end - 1]) and plain[end - 1] not in AMBIGUOUS:
            return end, 0.66
        return at, 0.0
    if (given and first not in AMBIGUOUS) or _FOREIGN_ENDING.fullmatch(first) is not None:
        return end, 0.6
    return at, 0.0
