"""Person names: where a text says that one follows, and what a name looks like."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import regex

from chatlog.text.cues import cues, stems
from chatlog.text.literals import Literals, matches
from chatlog.text.pii_gazetteer import FAMILY, NOT_NAMES, is_common, is_family, is_given
from chatlog.text.pii_span import Span

_TOKEN: Final = (
    r"(?:\p{Lu}['’]\p{Lu}\p{Ll}+"
    r"|\p{Lu}(?:\p{Ll}|\p{M}|['’](?=\p{L}))+(?:\p{Lu}\p{Ll}+)?(?:-\p{L}[\p{Ll}\p{M}]+)*"
    r"|\p{Lu}\."
    r"|\p{Lu}{2,}(?:-\p{Lu}{2,})*"
    r"|\p{Lu}(?![\p{L}\d]))"
)
_PARTICLE: Final = (
    r"(?:(?:de|da|do|dos|das|del|della|di|van|von|der|den|ter|ten|zu|la|las|los|le|el|al|bin|ibn|bint|y|e|af|av|san"
    r"|st\.)\s)"
)
NAME: Final = rf"{_TOKEN}(?:[ \t]+{_PARTICLE}{{0,3}}{_TOKEN}){{0,4}}"
"""A name in an alphabet with capitals: up to five capitalised words, with particles between them."""

_LOWER: Final = r"\p{Ll}[\p{Ll}\p{M}'’-]+(?:[ \t]\p{Ll}[\p{Ll}\p{M}'’-]+)?"
_TITLE_WORDS: Final = cues("title")
_TITLE: Final = rf"(?:(?:{_TITLE_WORDS})\.?[ \t]{{1,2}})"
_TITLE_CASED: Final = (
    "(?:" + "|".join(word[0].upper() + word[1:] for word in _TITLE_WORDS.split("|")) + r")\.?[ \t]{1,2}"
)

_CUED: Final = regex.compile(rf"\b(?i:{cues('name')})[\s:,]{{1,3}}(?P<v>(?:{_TITLE_CASED})?{NAME})")
_TITLED: Final = regex.compile(rf"(?<!\p{{L}})(?P<v>{_TITLE_CASED}{NAME})")
_LABELLED: Final = regex.compile(
    rf"(?im)(?:^|[\s,;|({{\"'>*-])(?:{cues('name_label')})[\"'*]*\s?[:=：]\s{{0,3}}[\"'*]*"
    rf"(?P<v>(?-i:(?:{_TITLE_CASED})?{NAME})"
    r"|[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}·]{2,8}"
    r"|[\p{Arabic}\p{Devanagari}]+(?:\s[\p{Arabic}\p{Devanagari}]+){0,3})"
)
_SPOKEN: Final = regex.compile(
    rf"(?m)(?:^|(?<=[.!?]\s))(?P<v>{NAME})(?=\s(?:lives?\s(?:on|at|in)|shouted|whispered|had\sgiven|told\sme|asked\sme"
    r"|said\sto|replied|began\swriting|is\sa\s(?:very\s)?\w+\sperson|spent\sa|was\sborn|and\sI\s)\b)"
    rf"|\b(?:says|said|asked|replied|shouted|told|shouted\sat)\s(?P<v>{NAME})(?=[\s.,:!?]|\Z)"
    rf"|^(?P<v>{NAME}):\s?\\?[\"“]"
    rf"|\bhere'?s\s(?P<v>{NAME})(?='s\b)"
)
_LOWERCASE: Final = regex.compile(
    rf"(?i:\bmy\s(?:full\s|first\s)?name\s(?:is|['’]s)\s)(?P<v>{_LOWER})(?=[.,!?;\n]|\s(?:and|but)\b|\Z)"
    rf"|(?<!\p{{L}})(?P<v>(?:mr|mrs|ms|dr|prof)\.\s\p{{L}}[\p{{L}}'’-]+)"
)
_CASELESS: Final = regex.compile(
    r"(?:我(?:的名字)?(?:叫做?|是叫)|我的名字是|我姓名是)(?P<v>\p{Han}{2,3}(?=[，。,.！!\s、的；]|\Z)|[\p{Han}·]{4,10}(?=[，。,.！!\s]|\Z))"
    r"|(?:私の名前は|僕の名前は|俺の名前は|名前は)(?P<v>[\p{Han}\p{Katakana}ー・]{2,10}|[\p{Hiragana}]{2,5}(?=です|と))"
    r"|(?:제\s?이름은|내\s?이름은|저는)\s?(?P<v>\p{Hangul}{2,4}?)(?=입니다|이에요|예요|이라고|라고|이고|이야)"
    r"|(?:اسمي|أنا\sاسمي|انا\sاسمي|اسمى)\s(?:هو\s|هي\s)?(?P<v>\p{Arabic}+(?:\s\p{Arabic}+){0,1})(?=[\s,.؛!]|\Z)"
    r"|(?:نام\sمن|اسم\sمن)\s(?P<v>\p{Arabic}+(?:\s\p{Arabic}+)?)(?=\sاست|\sهست)"
    r"|(?:मेरा\sनाम|मेरे\sनाम)\s(?P<v>[\p{Devanagari}]+(?:\s[\p{Devanagari}]+){0,2}?)(?=\sहै|\sहूँ|[।,.]|\Z)"
    r"|(?:ผมชื่อ|ฉันชื่อ|ดิฉันชื่อ|หนูชื่อ)\s?(?P<v>\p{Thai}{2,20})(?=[\s,]|\Z)"
    r"|(?:שמי|קוראים\sלי|השם\sשלי\s(?:הוא)?)\s(?P<v>\p{Hebrew}+(?:\s\p{Hebrew}+)?)(?=[\s,.]|\Z)"
)

_VERBS: Final = (
    *(
        "live",
        "shout",
        "whisper",
        "given",
        "told me",
        "asked me",
        "said",
        "replied",
        "writing",
        "is a ",
        "spent",
        "born",
    ),
    *("and i ", "says", "asked", "told", "here's", "heres", ':"', ': "', ":\\", ": \\", ":“", ": “"),
)
"""Literals of which `_SPOKEN` needs one."""

PATTERNS: Final = (
    ("name_cue", _CUED, 0.84, stems("name")),
    ("name_title", _TITLED, 0.8, stems("title")),
    ("name_label", _LABELLED, 0.82, stems("name_label")),
    ("name_cue", _LOWERCASE, 0.7, ("name", "mr. ", "mrs. ", "ms. ", "dr. ", "prof. ")),
    ("name_verb", _SPOKEN, 0.7, _VERBS),
)

_WORD: Final = regex.compile(r"[^\s]+")
_DEGREE: Final = regex.compile(r",?[ \t](?:MD|PhD|Ph\.D|DDS|DVM|MBA|Esq|Jr|Sr|III|II|IV)\b\.?")
_TITLES: Final = frozenset(_TITLE_WORDS.split("|"))
_CAMEL: Final = regex.compile(r"(?<!\b(?:Mc|Mac|De|Di|La|Le|Van|Fitz|O|D))\p{Ll}\p{Lu}\p{Ll}|\p{Lu}{2}\p{Ll}{3}|_")
"""A name of a program's thing (TextBox, SQLAlchemy), not of a person."""
_ABBREVIATION: Final = 5
"""Letters of a word in capitals up to which it is an abbreviation (`JFK`), unless a list has it as a name."""
_STRIP: Final = ".,;:'’\"()"


def is_code_name(word: str) -> bool:
    """Whether a word is written as programs name things."""
    return _CAMEL.search(word) is not None


def trim_name(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The bounds of the name in `[start, end)`: cut before the first word that is of no name.

    A title stays in front, a degree behind is taken in. None where nothing of a name is left.
    """
    first = last = -1
    titled = False
    for match in _WORD.finditer(text, start, end):
        word = match[0].removesuffix("'s").removesuffix("’s").strip(_STRIP).lower()
        if word in _TITLES and last < 0:
            first = match.start() if first < 0 else first
            titled = True
            continue
        listed = word in NOT_NAMES and len(word) > 1 and word not in FAMILY
        if listed or _CAMEL.search(match[0]) or (last < 0 and match[0][0].islower() and "-" in match[0]):
            if last >= 0:
                break
            first, titled = -1, False
            continue
        first = match.start() if first < 0 else first
        last = match.end()
    if last < 0:
        return None
    while first < last and not text[first].isalpha():
        first += 1
    for possessive in ("'s", "’s"):
        if text[first:last].endswith(possessive):
            last -= 2
    while last > first and not (text[last - 1].isalpha() or text[last - 1] == "."):
        last -= 1
    if last - first < (2 if titled or not text[first:last].isascii() else 3):
        return None
    if text[last : last + 1].isdigit() or text[last : last + 1] == "_" or not _name_of_words(text[first:last], titled):
        return None
    degree = _DEGREE.match(text, last)
    return first, degree.end() if degree is not None else last


def _name_of_words(value: str, titled: bool) -> bool:
    """Whether a value is more than ordinary words, letters and short abbreviations."""
    words = [word.strip(_STRIP) for word in value.split()]
    low = [word.lower() for word in words]
    if titled or any(is_given(word) or is_family(word) for word in low):
        return True
    if all(is_common(word) or word in NOT_NAMES or len(word) < 2 for word in low):
        return False
    return not (len(words) == 1 and words[0].isupper() and words[0].isascii() and len(words[0]) <= _ABBREVIATION)


_THING: Final = regex.compile(r"(?i)[\s,;|({\"'>*-]*name[\"'*]*\s?[:=：]")
"""The label `name` alone: things have one as often as persons."""


def _announced(text: str, label: int, start: int, end: int) -> bool:
    """Whether a label's value is a name: several words, a listed name, or no word of a sentence."""
    value = text[start:end]
    words = value.split()
    if _THING.match(text, label) and value.isascii():
        return any(is_given(word.lower()) or is_family(word.lower()) for word in words)
    return (
        len(words) > 1
        or is_given(value.lower())
        or is_family(value.lower())
        or not (text[end : end + 1] == " " and text[end + 1 : end + 2].islower())
    )


@cache
def _literals() -> Literals:
    return Literals([words for _, _, _, words in PATTERNS])


_ONESELF: Final = regex.compile(
    r"(?i)(?:\b(?:my (?:full |first |last |real )?name(?: is|['’]s)|i am called|call me|me llamo"
    r"|mi nombre es|je m['’]appelle|mon nom est|ich hei(?:ß|ss)e|mein name ist|mi chiamo|il mio nome è"
    r"|me chamo|meu nome é|ik heet|mijn naam is|jag heter|mitt namn är|nazywam się|mam na imię|benim adım|adım"
    r"|nama saya(?: adalah)?|tên tôi là|меня зовут|мо[её] имя|мене звати|με λένε|اسمي|نام من|मेरा नाम|ผมชื่อ|ฉันชื่อ|שמי)"
    r"|我(?:的名字)?叫|我的名字是|私の名前は|제 ?이름은)[\s:,]{0,3}\Z"
)
_ONESELF_REACH: Final = 40


def announces_oneself(text: str, start: int) -> bool:
    """Whether what stands before `start` says that the speaker's own name follows."""
    return _ONESELF.search(text[max(0, start - _ONESELF_REACH) : start]) is not None


def find_names(text: str) -> Iterator[Span]:
    """The names in `text` that a cue, a title, a label or a verb of speech announces."""
    low = text.lower()
    hits = _literals().hits(low)
    for number, (recognizer, pattern, score, _) in enumerate(PATTERNS):
        # The lower case of some letters is longer than they are; then places do not tell.
        found = matches(pattern, text, number, hits) if len(low) == len(text) else pattern.finditer(text)
        for match in found:
            bounds = trim_name(text, *match.span("v"))
            if bounds is not None and (recognizer != "name_label" or _announced(text, match.start(), *bounds)):
                yield Span(*bounds, "PERSON", score, recognizer)
    if not text.isascii():
        for match in _CASELESS.finditer(text):
            yield Span(match.start("v"), match.end("v"), "PERSON", 0.84, "name_cue")
