"""What street addresses look like, in the habits of many countries: patterns for `pii_address`."""

from __future__ import annotations

from functools import cache
from typing import Final

import regex

from chatlog.text.cues import cues, stems
from chatlog.text.literals import Literals

FLAGS: Final = regex.IGNORECASE | regex.VERBOSE
TYPES: Final = cues("street_type")
PREFIX: Final = rf"(?:{cues('street_prefix')}|(?-i:{cues('street_prefix_weak')})(?=[ \t]+\p{{Lu}}))"
COMPOUND: Final = cues("street_compound")
SECOND: Final = cues("street_second")

NUMBER: Final = r"(?<![\w.,$€£:/%-])\d{1,6}[a-z]?(?:[-/]\d{1,5}[a-z]?)?"
AFTER: Final = (
    r"(?:,?[ \t]{0,2}(?:n[º°]\.?[ \t]?|no\.?[ \t]|km\.?[ \t]|\#)?\d{1,5}(?:[ \t]?[a-z](?!\p{L}))?(?:[-/]\d{1,5}[a-z]?)?"
    r"(?![\w%]|[.,:]\d{3})|,?[ \t]s/n\b)"
)
WORD: Final = r"[\p{L}\p{M}\d][\p{L}\p{M}\d'’.-]*"
UNIT: Final = rf"(?:{cues('unit')})[ \t]{{0,2}}\#?(?=[\w-]*\d|[a-z]\b)[\w-]{{1,8}}"
CAPITAL: Final = r"(?-i:\p{Lu})[\p{L}\p{M}'’.-]*"
GAP: Final = r"[ \t,.]{0,3}(?:\r?\n[ \t>?*|,-]{0,6}){0,2}[ \t,-]{0,3}"

CORE: Final = regex.compile(
    rf"""
      {NUMBER},?[ \t]+(?:(?:north|south|east|west|[nsew]{{1,2}})\.?[ \t]+)?
          (?:(?-i:[\p{{Lu}}\d])[\w'’.-]*[ \t]+){{1,5}}?(?:{TYPES})\b\.?
          (?:[ \t](?:north|south|east|west|[nsew]{{1,2}})\b)?
    | {NUMBER},?[ \t]+(?:bis[ \t]+)?{PREFIX}[ \t]+{WORD}(?:[ \t]+{WORD}){{0,5}}
    | (?<![\p{{L}}\d.@/]){PREFIX},?(?:(?<=[./])[ \t]*|[ \t]+)
          (?!\d+[ \t]*h(?:oras|rs)?\b){WORD}(?:[ \t]+{WORD}){{0,6}}?{AFTER}
    | (?<![\p{{L}}\d.@/]){CAPITAL}(?:[ \t-]{CAPITAL}){{0,2}}[ \t-]?(?<=\p{{L}}|[ ])(?:{COMPOUND}){AFTER}
    | (?<![\p{{L}}\d.@/])(?-i:\p{{Lu}})\p{{L}}*?(?:{COMPOUND}){AFTER}
    | (?<![\p{{L}}\d.@/]){CAPITAL}(?:[ \t]{CAPITAL}){{0,2}}[ \t](?:{SECOND}){AFTER}\.?
    | {NUMBER}[ \t]+(?:[\p{{L}}\d][\p{{L}}\p{{M}}\d'’.()-]*[ \t]+){{1,6}}?
          \d{{1,5}}(?={GAP}(?:apt|suite|unit|apartment)\b)
    | {NUMBER}[ \t]+(?:[\p{{L}}\d][\p{{L}}\p{{M}}\d'’.()-]*[ \t]+){{0,5}}
          [\p{{L}}][\p{{L}}.]+(?={GAP}(?:apt\.?|suite)[ ]\d)
    | \b(?:p\.?[ ]?o\.?[ ]box|post(?:al)?[ ]?box|postfach|apartado(?:[ ]de[ ]correos)?|caixa[ ]postal|casella[ ]postale
          |boîte[ ]postale|bp(?=[ \t]\d{{1,6}}(?![ ]?[/\d])))[ \t]\#?\d{{1,6}}
    | \b(?:psc|unit|cmr)[ \t]\d{{1,5}},?[ \t]+box[ \t]\d{{1,6}}
    | \b(?:uss|usns|usnv|uscgc|usnumbers)[ \t]\p{{L}}[\p{{L}}'-]*(?=\s+[fad]po\b)
    | \bthe[ ]corner[ ]of[ ](?:[\w'’.-]+[ ]){{1,6}}?and[ ](?:[\w'’-]+\.?[ ]?){{1,4}}
    """,
    FLAGS,
)
NAMED: Final = regex.compile(r"\b(?:on|in|at|near|off)[ ](?P<v>\p{Lu}\p{L}+[ ](?:Street|Road|Avenue|Lane|Boulevard))\b")
CORE_HAN: Final = regex.compile(
    r"""
      \p{Han}{2,7}(?:省|市|自治区|區|区|县|縣)[\p{Han}\d]{2,24}(?:路|街|道|巷|弄|胡同|大道)[\p{Han}]{0,4}\d{1,5}(?:号|號)
          (?:[\p{Han}\d-]{0,16}(?:室|楼|樓|层|单元|栋))?
    | (?:東京都|北海道|(?:京都|大阪)府|\p{Han}{2,3}県)[\p{Han}\p{Hiragana}\p{Katakana}ー]{2,20}\d{1,4}(?:丁目|-\d{1,4})
          [\d番地号の-]{0,12}
    | \p{Hangul}{1,6}(?:시|도)\s\p{Hangul}{1,6}(?:구|군|시)\s[\p{Hangul}\d]{1,12}(?:로|길|동)\s?\d{1,5}(?:-\d{1,4})?
    """,
    regex.VERBOSE,
)

TOWN: Final = (
    rf"{CAPITAL}(?:[ \t-]"
    r"(?:(?:de|la|del|of|the|le|les|el|am|an|der|di|do|da|sur|upon|i|y|en|los|las|on|nad|and)[ \t-])*"
    rf"{CAPITAL}){{0,4}}"
)
POST: Final = (
    r"(?:[a-z]{1,2}-?[ \t]{0,2})?(?:\d{5}(?:-\d{3,4})?|\d{4}[ \t]?[a-z]{2}|\d{4}|\d{2}-\d{3}|\d{3}[ \t]\d{2}|\d{6}"
    r"|[a-z]\d[a-z][ \t]?\d[a-z]\d|[a-z]{1,2}\d[a-z\d]?[ \t]\d[a-z]{2})(?![\w-]|[.,]\d|[ \t]?[-/]?\d)"
)
TAIL_UNIT: Final = regex.compile(rf"{GAP}\(?{UNIT}\b\.?", FLAGS)
TAIL_POST: Final = regex.compile(
    rf"(?:{GAP}(?:C\.?P\.?:?[ \t]?)?(?:{TOWN}(?!:)(?:[ ]\(\w+\))?|nan)){{0,4}}{GAP}{POST}"
    rf"|{GAP}(?:fpo|apo|dpo)[ ][a-z]{{2}}[ ]\d{{5}}",
    FLAGS,
)
TAIL_FLOOR: Final = regex.compile(
    r"""(?:[,\s.-]{1,3}(?:
        \d{1,2}[ ]?\.?[ ]?[ºª°][ ]?(?:[a-z]{1,4}(?:-\w{1,3})?\b)?
      | \d{1,3}[ ]?[a-z]{0,2}\b(?=[\s.,)]|\Z)(?<=,[ ]?\w{1,6})
      | \d{1,2}[ ]?[a-z]\b
      | [a-z](?=[.,\n)]|\Z)(?<=,[ ]?\w)
      | (?:dcha|izq|ático|centro|derecha|izquierda)\b))+""",
    FLAGS,
)
TAIL_TOWN: Final = regex.compile(
    rf"(?:(?:,[ ]{{1,2}}|[ \t]?,?\r?\n[ \t>?*,]{{0,6}}){TOWN}(?![\w:@])){{1,3}}(?=[.,?!]?(?:\s|\Z))", FLAGS
)
LEAD: Final = regex.compile(r"(?<![\w.,$€£:-])\d{1,6}[ \t]+\Z")

ANNOUNCED: Final = regex.compile(
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
    FLAGS,
)
LABELLED: Final = regex.compile(
    rf"""(?:^|[\s,;({{"'|])(?:{cues("address_label")})["'*]*\s?[:：]\s{{0,2}}["'*]*
    (?P<v>[^\n"|;{{}}<>@]{{4,100}}?)(?=["|;{{}}\n]|\.\s|\.\Z|\Z)""",
    FLAGS | regex.MULTILINE,
)
NUMBERS: Final = regex.compile(r"\d+|s/n")
DIGIT: Final = regex.compile(r"\d")
LETTERS: Final = regex.compile(r"[\p{L}\p{M}/º]+")
STREET_WORD: Final = regex.compile(
    rf"""(?<!\p{{L}})(?:{TYPES}|{cues("street_prefix")}|{SECOND}|apt|suite|unit|box|fpo|apo|dpo|corner)(?!\p{{L}})
    |(?:{COMPOUND})(?!\p{{L}})|(?-i:Via|Vía|Corso|Largo|Camino|Place|Route|Passage)(?!\p{{L}})""",
    FLAGS,
)
STREETISH: Final = regex.compile(
    rf"{STREET_WORD.pattern}|^\d{{1,6}}[ \t]+(?-i:\p{{Lu}})|(?-i:\p{{Lu}})\p{{L}}+[ \t]\d{{1,4}}\b", FLAGS
)
LABEL_STEMS: Final = stems("address_label")
QUOTED: Final = regex.compile(r"\n[ \t]*[>?*|]|\n(?:\t|[ ]{2})")
BLOCK: Final = regex.compile(r"(?:[^:\s][ \t]*\n[ \t]*\n|\A)[ \t]*\Z")
LINE: Final = regex.compile(r"[^\n]+")
NEXT: Final = regex.compile(r"\.[ ](?:Please|please|I|You|We|It|The|My|Thank|Thanks)(?:[ ]\p{Ll}+)?\Z")
"""The beginning of the next sentence, which a town's pattern takes in."""
FULL_STOP: Final = regex.compile(r"[\s,]\p{L}\.\Z")
"""A sentence's full stop after a staircase or a floor's letter; `St.` and `76.` keep theirs."""
EDGE: Final = " \t\r\n,>?|*-"


SLACK: Final = 40


@cache
def announcements() -> Literals:
    """Literals of which every phrase of the section `address` has one."""
    return Literals(
        [
            (
                *(
                    "address",
                    "live",
                    "living",
                    "lived",
                    "resid",
                    "located",
                    "stay",
                    "meet",
                    "see you",
                    "party",
                    "pick me",
                ),
                *(
                    "pick us",
                    "drop",
                    "arrived at",
                    "restaurant is",
                    "office is",
                    "house is",
                    "i'm at",
                    "we're at",
                    "we are at",
                ),
                *(
                    "waiting at",
                    "return to",
                    "send it to",
                    "sent to",
                    "deliver",
                    "ship",
                    "mail",
                    "move",
                    "relocate",
                    "taxi to",
                ),
                *(
                    "linked to",
                    "it's in",
                    "domicilio",
                    "direcci",
                    "adresse",
                    "anschrift",
                    "indirizzo",
                    "endereço",
                    "morada",
                ),
                *(
                    "adres",
                    "cím",
                    "osoite",
                    "alamat",
                    "địa chỉ",
                    "location",
                    "адрес",
                    "διεύθυνση",
                    "住所",
                    "地址",
                    "주소",
                ),
                *(
                    "العنوان",
                    "آدرس",
                    "पता",
                    "ที่อยู่",
                    "כתובת",
                    "wohn",
                    "habite",
                    "vivo en",
                    "abito in",
                    "moro na",
                    "живу по",
                ),
                *("住在", "住んで"),
            )
        ]
    )
