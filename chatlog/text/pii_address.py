"""Street addresses: a street with its number in the habits of many countries, and what hangs on it.

A core (street and number, post box) is found first; then unit, town, state and post code behind
it are taken in, and further numbers before it. A label or a phrase that announces an address
lets looser text pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

from chatlog.text.pii_span import Span

_TYPES: Final = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|circle|cir|way|place|pl|terrace|ter|square|sq"
    "|parkway|pkwy|highway|hwy|trail|trl|close|crescent|cres|grove|mews|row|walk|alley|quay|esplanade|loop|path|pike|plaza"
    "|gardens|heights|hts|ridge|turnpike|expressway|causeway|bypass|crossing|landing|parade|promenade|green|hill|view"
)
_NUMBER: Final = r"(?<![\w.,$€£:/%-])\d{1,6}[a-z]?(?:[-/]\d{1,5}[a-z]?)?"
_AFTER: Final = r"(?:,?[ \t]{0,2}(?:n[º°o]?\.?[ \t]?|no\.?[ \t]|\#)?\d{1,5}(?:[ \t]?[a-z](?!\p{L}))?(?:[-/]\d{1,5}[a-z]?)?(?![\w%]|[.,:]\d)|,?[ \t]s/n\b)"
_WORD: Final = r"[\p{L}\p{M}\d][\p{L}\p{M}\d'’.-]*"

_PREFIXES: Final = (
    r"rue|avenue|av\.?|ave\.?|avda\.?|avd\.?|avenida|calle|c/|cl\.|carrer|vía|via|viale|vicolo|corso|piazza|piazzale|piazzetta|largo"
    r"|plaza|pza\.?|paseo|pº|p\.º|ronda|camino|carretera|ctra\.?|travesía|glorieta|urbanización|rua|travessa|praça|alameda|estrada|rodovia"
    r"|ul\.|ulica|ulitsa|al\.|aleja|os\.|pl\.|strada|str\.|bd\.?|boulevard|bulevardul|chemin|allée|allee|impasse|quai|cours|place|route|passage"
    r"|jalan|jl\.?|jln\.?|rruga|soi|thanon|đường|phố|улица|ул\.|проспект|пр-?т?\.|переулок|пер\.|бульвар|набережная|шоссе|вулиця|вул\.|οδός"
)
_COMPOUND: Final = (
    r"stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|ring|damm|ufer|steig|chaussee|graben|markt|hof|laan|straat|plein|kade|gracht|dreef|singel"
    r"|vej|gade|allé|stræde|veien|vegen|gata|gaten|gatan|vägen|väg|gränd|stigen|stien|torget|katu|tie|kuja|polku|väylä|götu|gata|vegur|braut|stígur"
)
_SECOND: Final = r"utca|u\.|út|útja|tér|tere|körút|tn\.?|tänav|tee|mnt\.?|puiestee|iela|gatvė|g\.|prospektas|ulice|cesta|trg|ulica|náměstí|nám\.|caddesi|cad\.|sokak|sok\.|bulvarı|mahallesi"

_UNIT: Final = r"(?:apt\.?|apartment|suite|ste\.?|unit|flat|room|rm\.?|floor|fl\.?|bldg\.?|building|piso|puerta|bajo|planta|esc\.|app?t\.?|appartement|étage|wohnung|whg\.?|stock|kv\.|кв\.|корп\.|д\.)[ \t]{0,2}\#?[\w-]{1,8}"

_CORE: Final = regex.compile(
    rf"""
      {_NUMBER},?[ \t]+(?:(?:north|south|east|west|[nsew]{{1,2}})\.?[ \t]+)?(?:(?-i:[\p{{Lu}}\d])[\w'’.-]*[ \t]+){{1,5}}?(?:{_TYPES})\b\.?
    | {_NUMBER},?[ \t]+(?:bis[ \t]+|ter[ \t]+)?(?<!\p{{L}})(?:{_PREFIXES})[ \t]+{_WORD}(?:[ \t]+{_WORD}){{0,5}}
    | (?<![\p{{L}}\d.@/])(?:{_PREFIXES}),?[ \t]*{_WORD}(?:[ \t]+{_WORD}){{0,6}}?{_AFTER}
    | (?<![\p{{L}}\d.@/])(?-i:\p{{Lu}})[\p{{L}}.-]*(?:[ \t-](?-i:\p{{Lu}})[\p{{L}}.-]*){{0,2}}[ \t-]?(?:{_COMPOUND}){_AFTER}
    | (?<![\p{{L}}\d.@/])(?-i:\p{{Lu}})[\p{{L}}.-]*(?:[ \t](?-i:\p{{Lu}})[\p{{L}}.-]*){{0,2}}[ \t](?:{_SECOND}){_AFTER}\.?
    | \b(?:p\.?[ ]?o\.?[ ]box|post(?:al)?[ ]box|postfach|apartado(?:[ ]de[ ]correos)?|caixa[ ]postal|casella[ ]postale|boîte[ ]postale|bp)[ \t]\#?\d{{1,6}}
    | \b(?:psc|unit|cmr)[ \t]\d{{1,5}},?[ \t]+box[ \t]\d{{1,6}}
    | \b(?:uss|usns|usnv|usnv|uscgc|usnumbers)[ \t]\p{{L}}[\p{{L}}'-]*(?=\s+[fad]po\b)
    | \p{{Han}}{{2,7}}(?:省|市|自治区|區|区|县|縣)[\p{{Han}}\d]{{2,24}}(?:路|街|道|巷|弄|胡同|大道)[\p{{Han}}]{{0,4}}\d{{1,5}}(?:号|號)(?:[\p{{Han}}\d-]{{0,16}}(?:室|楼|樓|层|单元|栋))?
    | (?:東京都|北海道|(?:京都|大阪)府|\p{{Han}}{{2,3}}県)[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}ー]{{2,20}}\d{{1,4}}(?:丁目|-\d{{1,4}})[\d番地号の-]{{0,12}}
    | \p{{Hangul}}{{1,6}}(?:시|도)\s\p{{Hangul}}{{1,6}}(?:구|군|시)\s[\p{{Hangul}}\d]{{1,12}}(?:로|길|동)\s?\d{{1,5}}(?:-\d{{1,4}})?
    """,
    regex.IGNORECASE | regex.VERBOSE,
)

_GAP: Final = r"[ \t,.]{0,3}(?:\r?\n[ \t>?*|,-]{0,6})?[ \t,]{0,3}"
_TOWN: Final = r"(?-i:\p{Lu})[\p{L}\p{M}'’.-]*(?:[ \t-](?:(?:de|la|del|of|le|les|el|am|an|der|di|do|da|sur|upon|i|y|en|los|las|on)[ \t-])*(?-i:\p{Lu})[\p{L}\p{M}'’.-]*){0,3}"
_POST: Final = r"(?:[a-z]{2}[ \t]{1,2})?(?:\d{5}(?:-\d{3,4})?|\d{4}[ \t]?[a-z]{2}|\d{4}|\d{2}-\d{3}|\d{3}[ \t-]\d{2,4}|\d{6}|[a-z]\d[a-z][ \t]?\d[a-z]\d|[a-z]{1,2}\d[a-z\d]?[ \t]\d[a-z]{2})(?![\w-]|[.,]\d)"
_TAIL: Final = (
    regex.compile(rf"{_GAP}\(?{_UNIT}\b\.?", regex.IGNORECASE),
    regex.compile(rf"(?:{_GAP}(?:C\.?P\.?:?[ \t]?)?(?:{_TOWN}|nan)){{0,3}}{_GAP}{_POST}", regex.IGNORECASE),
    regex.compile(r"(?:,[ \t]{0,2}(?:\d{1,3}|[a-z])(?:[ \t]?(?:º|°|ª|o|a)?[ \t]?[a-z]{1,4})?(?=[\s.,)]|\Z)){1,3}|[ \t.]{1,2}\d{1,2}[ \t]?[a-z]\b(?!\p{L})", regex.IGNORECASE),
)
_LEAD: Final = regex.compile(r"(?<![\w.,$€£:-])\d{1,6}[ \t]+\Z")

_ANNOUNCED: Final = regex.compile(
    r"""
    (?:
      \b(?:(?:my|new|home|billing|shipping|mailing|postal|current|street|email\sor\spostal|his|her|their|'s|work|office|following|full|delivery|this|the)\s)?address(?:es)?
          (?:\s(?:on\sfile|is|are|was|to|now|here|they|as|below|follows|in|\(\w+\)))*(?:\s?:|\sis|\sto|,\shere\sthey\sare:|(?<=is|to))
    | \b(?:lives?|living|lived|reside[sd]?|residing|located|stay(?:s|ing)?|resident)\s(?:on|at|in|now\sin)
    | \b(?:meet(?:\s\w+)?|see\syou|party|pick\s(?:me|us)\sup|drops?\syou\soff|arrived|restaurant\sis|office\sis|house\sis|i'?m|we(?:'re|\sare)|delivered|waiting)\sat
    | \b(?:return|send\sit|sent|deliver(?:ed)?|ship(?:ped)?|mail(?:ed)?|moved?|relocated?|new\sone)\sto
    | \b(?:domicilio|direcci[oó]n|adresse|anschrift|wohnhaft\sin|wohne\sin|indirizzo|endereço|morada|adres|adresa|adress|cím|osoite|адрес|адреса|διεύθυνση|alamat|địa\schỉ|location|住所|地址|주소|العنوان|آدرس|पता|ที่อยู่|כתובת)\s?[:：是は]
    | \bj'habite\s(?:au)?|\bvivo\sen|\bich\swohne\s(?:in\sder|in|am)|\babito\sin|\bmoro\sna|\bживу\sпо\sадресу|我住在|住在|に住んで
    )
    [ \t"'*]{0,4}(?:\r?\n[ \t>]{0,6}){0,2}
    (?P<v>
      (?:the\scorner\sof\s)?
      (?:(?:\d[\w/-]{0,7}|(?-i:\p{Lu})[\p{L}\p{M}\d'’./-]*|(?:apt|suite|ste|unit|flat|box|st|str|rue|de|des|la|le|les|du|del|di|da|do|dos|der|van|von|el|al|los|las|y|of|ul|utca|u|and|nan|no|nº|n|cite|par|the|c/[\p{L}]*|calle|avda?|via|puerta|carretera|bajo|piso)\.?(?=[\s,.]))
         [,.]{0,2}(?:[ \t]|\r?\n[ \t>?,]{0,6})?){2,18}
    )
    """,
    regex.IGNORECASE | regex.VERBOSE,
)
_LABELLED: Final = regex.compile(
    r"(?im)(?:^|[\s,;({\"'|])(?:(?:home|street|billing|mailing|postal|shipping)?[ _]?address|domicilio|direcci[oó]n|adresse|anschrift|indirizzo|endereço|adres|адрес|alamat|住所|地址|주소|العنوان|पता|ที่อยู่|כתובת)[\"'*]*\s?[:：]\s{0,2}[\"'*]*(?P<v>[^\n\"|;{}<>@]{4,100}?)(?=[\"|;{}\n]|\.\s|\.\Z|\Z)"
)
_DIGIT: Final = regex.compile(r"\d")
_STREETISH: Final = regex.compile(
    rf"(?i)(?<!\p{{L}})(?:{_TYPES}|{_PREFIXES}|{_SECOND}|apt|suite|unit|box|fpo|apo|dpo|corner)(?!\p{{L}})|(?:{_COMPOUND})(?!\p{{L}})|^\d{{1,6}}[ \t]+\p{{Lu}}|\p{{Lu}}[\p{{L}}]+[ \t]\d{{1,4}}\b"
)
_END: Final = " \t\r\n,>?|-"


def _extended(text: str, start: int, end: int) -> tuple[int, int]:
    """The core with units, town and post code behind it, and house or building numbers before it."""
    for _ in range(4):
        for pattern in _TAIL:
            match = pattern.match(text, end)
            if match is not None and match.end() > end:
                end = match.end()
                break
        else:
            break
    lead = _LEAD.search(text, max(0, start - 8), start)
    if lead is not None:
        start = lead.start()
    return start, end


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while end > start and text[end - 1] in _END:
        end -= 1
    while start < end and text[start] in _END:
        start += 1
    return start, end


def find_addresses(text: str) -> Iterator[Span]:
    """The street addresses in `text`, overlaps and all."""
    for match in _CORE.finditer(text):
        start, end = _stripped(text, *_extended(text, match.start(), match.end()))
        yield Span(start, end, "STREET_ADDRESS", 0.78, "street")
    for match in _ANNOUNCED.finditer(text):
        value = match["v"]
        if _DIGIT.search(value) and _STREETISH.search(value):
            start, end = _stripped(text, *_extended(text, match.start("v"), match.end("v")))
            yield Span(start, end, "STREET_ADDRESS", 0.79, "address_cue")
    for match in _LABELLED.finditer(text):
        if _DIGIT.search(match["v"]) or _STREETISH.search(match["v"]):
            start, end = _stripped(text, match.start("v"), match.end("v"))
            yield Span(start, end, "STREET_ADDRESS", 0.79, "address_label")
