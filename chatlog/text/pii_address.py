"""Street addresses: a street with its number in the habits of many countries, and what hangs on it.

A core (street and number, post box) is found first; then unit, town and post code behind it are
taken in, and further numbers before it. A label or a phrase that announces an address lets
looser text pass. Only stretches around digits and street words are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import regex

from chatlog.text.cues import cues, stems
from chatlog.text.pii_span import Span

_FLAGS: Final = regex.IGNORECASE | regex.VERBOSE
_TYPES: Final = cues("street_type")
_PREFIX: Final = rf"(?:{cues('street_prefix')}|(?-i:{cues('street_prefix_weak')})(?=[ \t]+\p{{Lu}}))"
_COMPOUND: Final = cues("street_compound")
_SECOND: Final = cues("street_second")

_NUMBER: Final = r"(?<![\w.,$€£:/%-])\d{1,6}[a-z]?(?:[-/]\d{1,5}[a-z]?)?"
_AFTER: Final = (
    r"(?:,?[ \t]{0,2}(?:n[º°]\.?[ \t]?|no\.?[ \t]|km\.?[ \t]|\#)?\d{1,5}(?:[ \t]?[a-z](?!\p{L}))?(?:[-/]\d{1,5}[a-z]?)?"
    r"(?![\w%]|[.,:]\d{3})|,?[ \t]s/n\b)"
)
_WORD: Final = r"[\p{L}\p{M}\d][\p{L}\p{M}\d'’.-]*"
_UNIT: Final = rf"(?:{cues('unit')})[ \t]{{0,2}}\#?(?=[\w-]*\d|[a-z]\b)[\w-]{{1,8}}"
_CAPITAL: Final = r"(?-i:\p{Lu})[\p{L}\p{M}'’.-]*"
_GAP: Final = r"[ \t,.]{0,3}(?:\r?\n[ \t>?*|,-]{0,6}){0,2}[ \t,-]{0,3}"

_CORE: Final = regex.compile(
    rf"""
      {_NUMBER},?[ \t]+(?:(?:north|south|east|west|[nsew]{{1,2}})\.?[ \t]+)?
          (?:(?-i:[\p{{Lu}}\d])[\w'’.-]*[ \t]+){{1,5}}?(?:{_TYPES})\b\.?
          (?:[ \t](?:north|south|east|west|[nsew]{{1,2}})\b)?
    | {_NUMBER},?[ \t]+(?:bis[ \t]+)?{_PREFIX}[ \t]+{_WORD}(?:[ \t]+{_WORD}){{0,5}}
    | (?<![\p{{L}}\d.@/]){_PREFIX},?(?:(?<=[./])[ \t]*|[ \t]+)
          (?!\d+[ \t]*h(?:oras|rs)?\b){_WORD}(?:[ \t]+{_WORD}){{0,6}}?{_AFTER}
    | (?<![\p{{L}}\d.@/]){_CAPITAL}(?:[ \t-]{_CAPITAL}){{0,2}}[ \t-]?(?<=\p{{L}}|[ ])(?:{_COMPOUND}){_AFTER}
    | (?<![\p{{L}}\d.@/])(?-i:\p{{Lu}})\p{{L}}*?(?:{_COMPOUND}){_AFTER}
    | (?<![\p{{L}}\d.@/]){_CAPITAL}(?:[ \t]{_CAPITAL}){{0,2}}[ \t](?:{_SECOND}){_AFTER}\.?
    | {_NUMBER}[ \t]+(?:[\p{{L}}\d][\p{{L}}\p{{M}}\d'’.()-]*[ \t]+){{1,6}}?
          \d{{1,5}}(?={_GAP}(?:apt|suite|unit|apartment)\b)
    | {_NUMBER}[ \t]+(?:[\p{{L}}\d][\p{{L}}\p{{M}}\d'’.()-]*[ \t]+){{0,5}}
          [\p{{L}}][\p{{L}}.]+(?={_GAP}(?:apt\.?|suite)[ ]\d)
    | \b(?:p\.?[ ]?o\.?[ ]box|post(?:al)?[ ]?box|postfach|apartado(?:[ ]de[ ]correos)?|caixa[ ]postal|casella[ ]postale
          |boîte[ ]postale|bp(?=[ \t]\d{{1,6}}(?![ ]?[/\d])))[ \t]\#?\d{{1,6}}
    | \b(?:psc|unit|cmr)[ \t]\d{{1,5}},?[ \t]+box[ \t]\d{{1,6}}
    | \b(?:uss|usns|usnv|uscgc|usnumbers)[ \t]\p{{L}}[\p{{L}}'-]*(?=\s+[fad]po\b)
    | \bthe[ ]corner[ ]of[ ](?:[\w'’.-]+[ ]){{1,6}}?and[ ](?:[\w'’-]+\.?[ ]?){{1,4}}
    """,
    _FLAGS,
)
_NAMED: Final = regex.compile(
    r"\b(?:on|in|at|near|off)[ ](?P<v>\p{Lu}\p{L}+[ ](?:Street|Road|Avenue|Lane|Boulevard))\b"
)
_CORE_HAN: Final = regex.compile(
    r"""
      \p{Han}{2,7}(?:省|市|自治区|區|区|县|縣)[\p{Han}\d]{2,24}(?:路|街|道|巷|弄|胡同|大道)[\p{Han}]{0,4}\d{1,5}(?:号|號)
          (?:[\p{Han}\d-]{0,16}(?:室|楼|樓|层|单元|栋))?
    | (?:東京都|北海道|(?:京都|大阪)府|\p{Han}{2,3}県)[\p{Han}\p{Hiragana}\p{Katakana}ー]{2,20}\d{1,4}(?:丁目|-\d{1,4})
          [\d番地号の-]{0,12}
    | \p{Hangul}{1,6}(?:시|도)\s\p{Hangul}{1,6}(?:구|군|시)\s[\p{Hangul}\d]{1,12}(?:로|길|동)\s?\d{1,5}(?:-\d{1,4})?
    """,
    regex.VERBOSE,
)

_TOWN: Final = (
    rf"{_CAPITAL}(?:[ \t-]"
    r"(?:(?:de|la|del|of|the|le|les|el|am|an|der|di|do|da|sur|upon|i|y|en|los|las|on|nad|and)[ \t-])*"
    rf"{_CAPITAL}){{0,4}}"
)
_POST: Final = (
    r"(?:[a-z]{1,2}-?[ \t]{0,2})?(?:\d{5}(?:-\d{3,4})?|\d{4}[ \t]?[a-z]{2}|\d{4}|\d{2}-\d{3}|\d{3}[ \t]\d{2}|\d{6}"
    r"|[a-z]\d[a-z][ \t]?\d[a-z]\d|[a-z]{1,2}\d[a-z\d]?[ \t]\d[a-z]{2})(?![\w-]|[.,]\d|[ \t]?[-/]?\d)"
)
_TAIL_UNIT: Final = regex.compile(rf"{_GAP}\(?{_UNIT}\b\.?", _FLAGS)
_TAIL_POST: Final = regex.compile(
    rf"(?:{_GAP}(?:C\.?P\.?:?[ \t]?)?(?:{_TOWN}(?!:)(?:[ ]\(\w+\))?|nan)){{0,4}}{_GAP}{_POST}"
    rf"|{_GAP}(?:fpo|apo|dpo)[ ][a-z]{{2}}[ ]\d{{5}}",
    _FLAGS,
)
_TAIL_FLOOR: Final = regex.compile(
    r"""(?:[,\s.-]{1,3}(?:
        \d{1,2}[ ]?\.?[ ]?[ºª°][ ]?(?:[a-z]{1,4}(?:-\w{1,3})?\b)?
      | \d{1,3}[ ]?[a-z]{0,2}\b(?=[\s.,)]|\Z)(?<=,[ ]?\w{1,6})
      | \d{1,2}[ ]?[a-z]\b
      | [a-z](?=[.,\n)]|\Z)(?<=,[ ]?\w)
      | (?:dcha|izq|ático|centro|derecha|izquierda)\b))+""",
    _FLAGS,
)
_TAIL_TOWN: Final = regex.compile(
    rf"(?:(?:,[ ]{{1,2}}|[ \t]?,?\r?\n[ \t>?*,]{{0,6}}){_TOWN}(?![\w:@])){{1,3}}(?=[.,?!]?(?:\s|\Z))", _FLAGS
)
_LEAD: Final = regex.compile(r"(?<![\w.,$€£:-])\d{1,6}[ \t]+\Z")

_ANNOUNCED: Final = regex.compile(
    rf"""
    (?:{cues("address")})
    [ \t"'*]{{0,4}}(?:\r?\n[ \t>]{{0,6}}){{0,2}}
    (?P<v>
      (?:(?:\d[\w/-]{{0,7}}|(?-i:\p{{Lu}})[\p{{L}}\p{{M}}\d'’./-]*
          |(?:apt|suite|ste|unit|flat|box|st|str|rue|de|des|la|le|les|du|del|di|da|do|dos|der|van|von|el|al|los|las|y|of
            |ul|utca|u|and|nan|no|n[º°]?|s/n|c/\p{{L}}*|calle|avda?|via|puerta|carretera|bajo|piso|the|corner|cité|cite|par)
            \.?(?=[\s,.]))
         ,{{0,2}}(?:[ \t]{{1,2}}|(?<=(?<!\p{{L}})\p{{L}}{{1,4}})\.[ ]
            |[ ]?\r?\n[ \t>?,]{{0,6}}(?!\w+[ ]?\w*[:/]))?){{2,18}}
    )
    """,
    _FLAGS,
)
_LABELLED: Final = regex.compile(
    rf"""(?:^|[\s,;({{"'|])(?:{cues("address_label")})["'*]*\s?[:：]\s{{0,2}}["'*]*
    (?P<v>[^\n"|;{{}}<>@]{{4,100}}?)(?=["|;{{}}\n]|\.\s|\.\Z|\Z)""",
    _FLAGS | regex.MULTILINE,
)
_NUMBERS: Final = regex.compile(r"\d+|s/n")
_DIGIT: Final = regex.compile(r"\d")
_LETTERS: Final = regex.compile(r"[\p{L}\p{M}/º]+")
_STREET_WORD: Final = regex.compile(
    rf"""(?<!\p{{L}})(?:{_TYPES}|{cues("street_prefix")}|{_SECOND}|apt|suite|unit|box|fpo|apo|dpo|corner)(?!\p{{L}})
    |(?:{_COMPOUND})(?!\p{{L}})|(?-i:Via|Vía|Corso|Largo|Camino|Place|Route|Passage)(?!\p{{L}})""",
    _FLAGS,
)
_STREETISH: Final = regex.compile(
    rf"{_STREET_WORD.pattern}|^\d{{1,6}}[ \t]+(?-i:\p{{Lu}})|(?-i:\p{{Lu}})\p{{L}}+[ \t]\d{{1,4}}\b", _FLAGS
)
_LABEL_STEMS: Final = stems("address_label")
_QUOTED: Final = regex.compile(r"\n[ \t]*[>?*|]|\n(?:\t|[ ]{2})")
_BLOCK: Final = regex.compile(r"(?:[^:\s][ \t]*\n[ \t]*\n|\A)[ \t]*\Z")
_LINE: Final = regex.compile(r"[^\n]+")
_NEXT: Final = regex.compile(r"\.[ ](?:Please|please|I|You|We|It|The|My|Thank|Thanks)(?:[ ]\p{Ll}+)?\Z")
"""The beginning of the next sentence, which a town's pattern takes in."""
_FULL_STOP: Final = regex.compile(r"[\s,]\p{L}\.\Z")
"""A sentence's full stop after a staircase or a floor's letter; `St.` and `76.` keep theirs."""
_EDGE: Final = " \t\r\n,>?|*-"
_BEFORE, _BEHIND = 110, 110


def _extended(text: str, start: int, end: int) -> tuple[int, int]:
    """The core with units, town and post code behind it, and house or building numbers before it."""
    unit = False
    for _ in range(6):
        for pattern in (_TAIL_UNIT, _TAIL_POST, _TAIL_FLOOR, _TAIL_TOWN):
            if pattern is _TAIL_TOWN and not unit:
                continue
            match = pattern.match(text, end)
            if match is not None and match.end() > end:
                unit = pattern is _TAIL_UNIT
                end = match.end()
                break
        else:
            break
    lead = _LEAD.search(text, max(0, start - 8), start)
    return (lead.start() if lead is not None else start), end


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    while start < end and text[start] in _EDGE:
        start += 1
    following = _NEXT.search(text, start, end)
    if following is not None:
        end = following.start()
    if _FULL_STOP.search(text[start:end]):
        end -= 1
    return start, end


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Merged stretches around numbers, where an address could stand."""
    low, high = 0, -1
    for match in _NUMBERS.finditer(text):
        start = max(0, match.start() - _BEFORE)
        if high < 0:
            low = start
        elif start > high:
            yield low, high
            low = start
        high = min(len(text), match.end() + _BEHIND)
    if high >= 0:
        yield low, high


def _merged(spans: Sequence[Span]) -> Iterator[Span]:
    """Spans that overlap or touch made one: the label knows the beginning, the core knows the end."""
    last: Span | None = None
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if last is None or span.start > last.end:
            if last is not None:
                yield last
            last = span
        elif span.end > last.end or span.score > last.score:
            last = Span(last.start, max(last.end, span.end), span.type, max(last.score, span.score), last.recognizer)
    if last is not None:
        yield last


def find_addresses(text: str) -> list[Span]:
    """The street addresses in `text`, by position, without overlaps."""
    merged = _merged([Span(*bounds, "STREET_ADDRESS", score, name) for bounds, score, name in _found(text)])
    return [piece for span in merged for piece in _by_line(text, span)]


def _by_line(text: str, span: Span) -> Iterator[Span]:
    """The lines of an address that stands as a block of its own, so that the block keeps its layout."""
    inside = text[span.start : span.end]
    if "\n" not in inside or not (_QUOTED.search(inside) or _BLOCK.search(text[max(0, span.start - 40) : span.start])):
        yield span
        return
    for match in _LINE.finditer(text, span.start, span.end):
        start, end = _stripped(text, match.start(), match.end())
        if start < end:
            yield Span(start, end, span.type, span.score, span.recognizer)


_STARTS: Final = tuple(
    sorted({stem.split()[0] for name in ("street_type", "street_prefix", "street_second") for stem in stems(name)})
)
_WHOLE: Final = frozenset(_STARTS) | frozenset(
    "apt suite unit box fpo apo dpo corner via vía corso largo camino place route passage street boulevard".split()
)
_BEGINNINGS: Final = ("av", "pz", "pl", "cad", "sok", "str", *(stem for stem in _STARTS if len(stem) > 3))
_ENDS: Final = (*stems("street_compound"), "c/")


def _may_hold_street(stretch: str) -> bool:
    """Whether a word of the stretch could be a street's: a look at whole words, much cheaper than the pattern."""
    return any(
        word in _WHOLE or word.endswith(_ENDS) or word.startswith(_BEGINNINGS)
        for word in _LETTERS.findall(stretch.lower())
    )


def _found(text: str) -> Iterator[tuple[tuple[int, int], float, str]]:
    if not text.isascii():
        for match in _CORE_HAN.finditer(text):
            yield match.span(), 0.78, "street"
    stretches = list(_stretches(text))
    for low, high in stretches:
        if not _may_hold_street(text[low:high]) or _STREET_WORD.search(text, low, high) is None:
            continue
        for match in _CORE.finditer(text, low, high):
            if "corner of" not in match[0] or _DIGIT.search(match[0]):
                yield _stripped(text, *_extended(text, *match.span())), 0.78, "street"
    if any(word in text for word in (" Street", " Road", " Avenue", " Lane", " Boulevard")):
        for match in _NAMED.finditer(text):
            yield match.span("v"), 0.74, "street"
    for low, high in stretches:
        for match in _ANNOUNCED.finditer(text, low, high):
            if _DIGIT.search(match["v"]) and _STREETISH.search(match["v"]):
                yield _stripped(text, *_extended(text, *match.span("v"))), 0.79, "address_cue"
    lowered = text.lower()
    if ":" not in text or not any(word in lowered for word in _LABEL_STEMS):
        return
    for match in _LABELLED.finditer(text):
        if _DIGIT.search(match["v"]) or _STREET_WORD.search(match["v"]):
            yield _stripped(text, *_extended(text, *match.span("v"))), 0.79, "address_label"
