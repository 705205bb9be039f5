"""Personal data that is split over two turns: a cue or a question ends one, the value stands in the next.

`my number is` / `555 0134`, or `What is your name?` / `maria`. The end of the turn before is read
together with the beginning of this one, and what a cue finds in this one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import regex

from chatlog.text.cues import cues, stems
from chatlog.text.literals import Literals
from chatlog.text.pii_gazetteer import NOT_NAMES, is_family, is_given
from chatlog.text.pii_names import NAME, trim_name
from chatlog.text.pii_span import Span

TAIL: Final = 160
"""Characters of a turn's end that may ask for something."""
HEAD: Final = 120
"""Characters of the next turn's beginning that may answer."""

_SECTIONS: Final = ("phone", "username", "account", "card", "password", "national_id", "passport", "record", "birth")
_STEMS: Final = tuple(sorted({stem for name in (*_SECTIONS, "driver_license", "name") for stem in stems(name) if stem}))
_ASKS: Final = stems("ask_name")
_PLEASE: Final = regex.compile(r"(?i)\b(?:please|provide|enter|tell|give|need|por favor|bitte|indiquez|пожалуйста)\b")
_SENTENCE_END: Final = regex.compile(r"[.!?。！？؟\n](?=\s*\S)")
_CLOSING: Final = " \t\r\n?.!:,;…。！？؟：-\"'”"

_ASKS_NAME: Final = regex.compile(
    rf"(?i)(?:{cues('ask_name')})"
    r"|\b(?:my|his|her) (?:full |first |last )?name is\W*\Z|\b(?:i am called|call me)\W*\Z"
    r"|(?:me llamo|mi nombre es|je m['’]appelle|ich heiße|mein name ist|mi chiamo|меня зовут|我叫|私の名前は"
    r"|제 이름은|اسمي)\W*\Z"
)
_LEAD_IN: Final = (
    r"\s*(?:(?:hi|hello|hey|ok|okay|sure|yes)[,.! ]+)?"
    r"(?:(?:it['’]?s|i['’]?m|i am|my name is|this is|soy|me llamo|je suis|c['’]est|ich bin|sono|sou|jestem"
    r"|я|это|меня зовут|我是|我叫|是|です)\s*)?"
)
_ANSWER: Final = regex.compile(
    rf"(?i:{_LEAD_IN})(?P<v>(?-i:{NAME}))(?=\s*(?:[.,!?;)\n]|\Z|(?i:and|from|y|et|und|и)\b))"
)
_LOWER_ANSWER: Final = regex.compile(
    rf"(?i){_LEAD_IN}(?P<v>\p{{Ll}}[\p{{Ll}}\p{{M}}'’-]+(?: \p{{Ll}}[\p{{Ll}}\p{{M}}'’-]+){{0,2}})\s*[.!]?\s*\Z"
)
_CASELESS_ANSWER: Final = regex.compile(
    rf"(?i){_LEAD_IN}(?P<v>[\p{{Han}}·]{{2,8}}|\p{{Hangul}}{{2,4}}|[\p{{Katakana}}ー・]{{2,10}}"
    r"|[\p{Arabic}\p{Hebrew}]+(?: [\p{Arabic}\p{Hebrew}]+)?|[\p{Devanagari}]+(?: [\p{Devanagari}]+)?|\p{Thai}{2,20})"
    r"\s*(?:です|입니다|이에요|예요)?[.。!！]?\s*\Z"
)
_NO_NAME: Final = frozenset("no yes yeah yep nope none nothing why what maybe sure okay ok hello hi thanks idk".split())


def open_end(text: str) -> str:
    """The last sentence of a turn where it asks for personal data or announces it; empty where it does not."""
    tail = text[-TAIL:].rstrip()
    last = tail[-1:]
    # A question, a colon, or a cue with nothing behind it; a full stop ends most turns, and asks for nothing.
    if not last or (last in ".!。！)`}]>*|" and not _PLEASE.search(tail)):
        return ""
    start = max((match.end() for match in _SENTENCE_END.finditer(tail)), default=0)
    sentence = tail[start:]
    return sentence if _literals().met(sentence.lower()) else ""


@cache
def _literals() -> Literals:
    return Literals([(*_STEMS, *_ASKS)])


def asks_name(end: str) -> bool:
    """Whether an open end asks for a name or announces one."""
    return _ASKS_NAME.search(end) is not None


def joined(end: str, text: str) -> tuple[str, int]:
    """The open end with the beginning of the next turn behind it, and where that begins."""
    bare = end.rstrip(_CLOSING)
    lead = f"{bare} " if bare[-1:].isdigit() else f"{bare}: "
    return lead + text[:HEAD], len(lead)


def answered_name(end: str, text: str) -> Iterator[Span]:
    """The name in `text` where `end` asks for one and the text is hardly more than that."""
    if not asks_name(end):
        return
    head = text[:HEAD]
    match = _ANSWER.match(head)
    if match is not None:
        bounds = trim_name(text, *match.span("v"))
        if bounds is not None and text[slice(*bounds)].lower() not in NOT_NAMES | _NO_NAME:
            yield Span(*bounds, "PERSON", 0.8, "name_answer")
        return
    match = _LOWER_ANSWER.match(head)
    if match is not None and len(text) <= HEAD:
        words = match["v"].split()
        if any(is_given(word) for word in words) or (len(words) > 1 and is_family(words[-1])):
            yield Span(*match.span("v"), "PERSON", 0.75, "name_answer")
        return
    match = _CASELESS_ANSWER.match(head)
    if match is not None and len(text) <= HEAD // 4:
        yield Span(*match.span("v"), "PERSON", 0.75, "name_answer")
