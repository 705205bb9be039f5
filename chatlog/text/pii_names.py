"""Person names: where a text says that one follows, and what a name looks like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

from chatlog.text.pii_span import Span

_TOKEN: Final = r"(?:\p{Lu}(?:\p{Ll}|\p{M}|['’](?=\p{L}))+(?:-\p{Lu}[\p{Ll}\p{M}]+)*|\p{Lu}['’]\p{Lu}\p{Ll}+|(?:Mc|Mac|Le|La|De|Di|Van|O['’])\p{Lu}\p{Ll}+|\p{Lu}\.|\p{Lu}{2,}(?:-\p{Lu}{2,})*)"
_PARTICLE: Final = r"(?:(?:de|da|do|dos|das|del|della|di|van|von|der|den|ter|ten|zu|la|le|el|al|bin|ibn|bint|y|e|af|av|san|st\.)\s)"
NAME: Final = rf"{_TOKEN}(?:[ \t]+{_PARTICLE}{{0,2}}{_TOKEN}){{0,4}}"
"""A name in an alphabet with capitals: up to five capitalised words, with particles between them."""

_LOWER: Final = r"\p{Ll}[\p{Ll}\p{M}'’-]+(?:[ \t]\p{Ll}[\p{Ll}\p{M}'’-]+)?"

_TITLE: Final = r"(?:(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sr|Sra|Srta|Dra|Don|Doña|Herr|Frau|Monsieur|Madame|Mme|Mlle|Hon|Judge|Justice|Rev|Fr|Sir|Lady|Dame|Señor|Señora|Signor|Signora|Dott|Ing|Pan|Pani|Bay|Sig)\.?[ \t]+)"

_CUES: Final = (
    r"(?i:my\s(?:full\s|first\s|last\s|real\s|maiden\s)?name(?:\sis|['’]s)|(?:his|her|their|whose|the)\s(?:full\s|first\s|last\s|maiden\s)?name\s(?:is|was)|i\sam\scalled|(?:people|they|friends|everyone)\scalls?\sme|call\sme|this\sis"
    r"|named|sincerely|regards|yours\s(?:truly|faithfully)|cheers"
    r"|je\sm['’]appelle|mon\snom\sest|me\sllamo|mi\snombre\ses|ich\shei(?:ß|ss)e|mein\sname\sist|mi\schiamo|il\smio\snome\sè|(?:eu\s)?me\schamo|meu\snome\sé|ik\sheet|mijn\snaam\sis|jag\sheter|mitt\snamn\sär|jeg\shedder|jeg\sheter"
    r"|nazywam\ssię|mam\sna\simię|jmenuji\sse|volám\ssa|zovem\sse|numele\smeu\seste|mă\snumesc|a\snevem|nimeni\son|benim\sadım|adım|ismim|nama\ssaya|namaku|tên\stôi\slà|minun\snimeni\son|ang\spangalan\sko\say"
    r"|меня\sзовут|мо[её]\sимя|мене\sзвати|мене\sзвуть|казвам\sсе|με\sλένε|το\sόνομά\sμου\sείναι)"
)

_CAPITAL: Final = regex.compile(rf"\b{_CUES}[\s:,]{{1,3}}(?P<v>{_TITLE}?{NAME})")
_TITLED: Final = regex.compile(rf"(?<!\p{{L}})(?P<v>{_TITLE}{NAME})")
_LABELLED: Final = regex.compile(
    r"(?im)(?:^|[\s,;|({\"'>*-])(?:(?:full|first|last|middle|maiden|given|family|patient|customer|client|employee|contact|account\sholder|cardholder|user)[\s_]?name|name|patient|surname|attn|attention|signed(?:\sby)?|nombre|apellidos?|nom|prénom|vorname|nachname|name\sdes\spatienten|nome|cognome|sobrenome|imię|nazwisko|имя|фамилия|отчество|фио|姓名|氏名|名前|이름|성명|الاسم|नाम|médico|paciente)"
    rf"[\"'*]*\s?[:=：]\s{{0,3}}[\"'*]*(?P<v>(?-i:{_TITLE}?{NAME})|[\p{{Han}}\p{{Hangul}}\p{{Hiragana}}\p{{Katakana}}·]{{2,8}}|[\p{{Arabic}}\p{{Devanagari}}]+(?:\s[\p{{Arabic}}\p{{Devanagari}}]+){{0,3}})"
)
_CASELESS: Final = regex.compile(
    r"(?:我(?:的名字)?(?:叫做?|是叫)|我的名字是|我姓名是)(?P<v>\p{Han}{2,3}(?=[，。,.！!\s、的；]|\Z)|[\p{Han}·]{4,10}(?=[，。,.！!\s]|\Z))"
    r"|(?:私の名前は|僕の名前は|俺の名前は|名前は)(?P<v>[\p{Han}\p{Katakana}ー・]{2,10}|[\p{Hiragana}]{2,5}(?=です|と))"
    r"|(?:제\s?이름은|내\s?이름은|저는)\s?(?P<v>\p{Hangul}{2,4}?)(?=입니다|이에요|예요|이라고|라고|이고|이야)"
    r"|(?:اسمي|أنا\sاسمي|انا\sاسمي|اسمى)\s(?:هو\s|هي\s)?(?P<v>\p{Arabic}+(?:\s\p{Arabic}+){0,1})(?=[\s،.؛!]|\Z)"
    r"|(?:نام\sمن|اسم\sمن)\s(?P<v>\p{Arabic}+(?:\s\p{Arabic}+)?)(?=\sاست|\sهست)"
    r"|(?:मेरा\sनाम|मेरे\sनाम)\s(?P<v>[\p{Devanagari}]+(?:\s[\p{Devanagari}]+){0,2}?)(?=\sहै|\sहूँ|[।,.]|\Z)"
    r"|(?:ผมชื่อ|ฉันชื่อ|ดิฉันชื่อ|หนูชื่อ)\s?(?P<v>\p{Thai}{2,20})(?=[\s,]|\Z)"
    r"|(?:שמי|קוראים\sלי|השם\sשלי\s(?:הוא)?)\s(?P<v>\p{Hebrew}+(?:\s\p{Hebrew}+)?)(?=[\s,.]|\Z)"
)
_LOWERCASE: Final = regex.compile(
    rf"(?i:\bmy\s(?:full\s|first\s)?name\s(?:is|['’]s)\s)(?P<v>{_LOWER})(?=[.,!?;\n]|\sand\b|\Z)"
)

_NOT_NAMES: Final = frozenset(
    "a an the not very so is are was in on at of and or but if to for with from by it its i you he she we they this that "
    "my your his her our their me him us them what who when where why how yes no please thanks thank hello hi hey dear "
    "sir madam sorry sure ok okay here there now then also just only all any some none unknown null true false string "
    "required optional important still written spelled wrong correct incorrect john_doe n/a ai bot assistant user system "
    "chatgpt gpt openai claude llama vicuna alexa siri google amazon microsoft apple".split()
)

PATTERNS: Final = (
    ("name_cue", _CAPITAL, 0.84),
    ("name_title", _TITLED, 0.8),
    ("name_label", _LABELLED, 0.82),
    ("name_cue", _CASELESS, 0.84),
    ("name_cue", _LOWERCASE, 0.7),
)


def find_names(text: str) -> Iterator[Span]:
    """The names in `text` that a cue, a title or a label announces."""
    for recognizer, pattern, score in PATTERNS:
        for match in pattern.finditer(text):
            value = match["v"]
            if value and value.split()[0].lower().strip(".'’") not in _NOT_NAMES:
                yield Span(match.start("v"), match.end("v"), "PERSON", score, recognizer)
