"""What a person wrote in words: a message without code, addresses, markup, numbers and placeholders."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Final

import regex

from chatlog.text.characters import Line, clean
from chatlog.text.english import leaning
from chatlog.text.noise import legible, spell_digits

# Fences are taken whole and up to 32 signs long: patterns that give back or compare more would take quadratic time.
_FENCE: Final = regex.compile(
    r"(?ms)^[ \t]*+(`{3,32}+|~{3,32}+)[^\n]*+\n.*?(?:^[ \t]*+\1[`~]*+[ \t]*+$|\Z)|(`{3,32}+).*?(?:\2|\Z)"
)
_INLINE: Final = regex.compile(r"`[^`\n]{1,200}`")
_URL: Final = regex.compile(r"(?i)\b(?:https?|ftp|file|data|mailto)://?\S+")
_MAIL: Final = regex.compile(r"(?<!\S)@*[^\s@]++@\S+\.\S+")
_WWW: Final = regex.compile(r"(?i)\bwww\.\S+")
_ENDING: Final = r"\.(?:com|org|net|io|py|js|html?|json|txt|csv|pdf|png|jpe?g)\b"
_HAS_ENDING: Final = re.compile(_ENDING, re.IGNORECASE)
_NAME: Final = regex.compile(rf"(?i)(?<![\w.-])[\w.-]+{_ENDING}")
_FILE: Final = regex.compile(
    r"(?i)(?<![\w.-])[\w.-]+\.(?:com|org|net|py|html?|json|txt|csv|pdf|png|jpe?g|exe|dll|xml|ya?ml|md)\b"
)
_INFO: Final = regex.compile(r"[ \t]*[`~]{3,32}[ \t]*([A-Za-z][A-Za-z+#]{1,15})[ \t]*\n")
_MARKUP: Final = regex.compile(r"(?s)<(?:!--.*?--|/?[A-Za-z][\w:-]*(?:\s[^<>]{0,500})?/?)>|&(?:#\d+|[a-zA-Z]{2,8});")
_LATEX: Final = regex.compile(r"(?s)\$\$.{1,2000}?\$\$|\\\[.{1,2000}?\\\]|\\\(.{1,500}?\\\)|\\[A-Za-z]+")
_PLACEHOLDER: Final = regex.compile(r"\b[A-Z][A-Z_]*+(?<=_)\d+\b")
_CODE_LINE: Final = regex.compile(
    r"(?mx)^[ \t]*(?:"
    r"  (?:import|from)\ [\w.]+(?:\ import\ .*|\ as\ \w+)?;?"
    r" |(?:def|class|fn|func|function)\ \w+\s*[(:{].*"
    r" |(?:public|private|protected|static|const|let|var|val|int|float)\ [^.?!\n]*[;{=(].*"
    r" |(?:double|void|char|bool|string)\ [^.?!\n]*[;{=(].*"
    r" |\#(?:include|define|ifdef|ifndef|endif|pragma)\b.*"
    r" |(?:SELECT|INSERT\ INTO|UPDATE|DELETE\ FROM|CREATE\ TABLE)\b.*"
    r" |(?:ALTER\ TABLE|DROP|FROM|WHERE|JOIN|GROUP\ BY)\b.*"
    r" |(?:if|for|while|switch|elif|else\ if|catch)\s*\(.*"
    r" |(?:return|print|echo|console\.log|System\.out)\b\s*[(\w\"'].*[;)]"
    r" |[A-Za-z_$][A-Za-z0-9_.\[\]\"'>-]*\s*(?:[-+*/|&:]?=|:=)\s*[^=\n].*"
    r" |[\w.:]+\(.*\)\s*[;:{]?"
    r" |.*[;{}]"
    r" |(?:\$|>>>|\#!|//|/\*|\*/|sudo|pip|npm|git|cd)\ .*"
    r" |Traceback\ .*|File\ \".*"
    r")[ \t]*$"
)
_QUOTED: Final = regex.compile(
    r'(?s)"""(?!").{12,4000}?"""|"[^"\n]{12,2000}"|“[^“”]{12,2000}”|„[^„“”]{12,2000}[“”]|«[^«»]{12,2000}»'
    r"|「[^「」]{5,2000}」|『[^『』]{5,2000}』|(?m:^[ \t]*>[^\n]*$)"
)
_QUOTES: Final = ('"', "“", "„", "«", "「", "『", ">")
_OWN_WORDS: Final = regex.compile(r"(?:\p{L}\P{L}*+){12}|(?:[\p{Han}\p{Hangul}]\P{L}*+){5}")
"""So many letters outside of quotes are the writer's own words, and the quotes are somebody else's."""

_CODE_SIGNS: Final = ("=", ";", "{", "}", "(", ")", "#", "$", ">>>", "//")
_CODE_WORDS: Final = ("import", "SELECT", "FROM", "def", "class", "Traceback", "print", "git", "pip")
_CODE_WORD: Final = regex.compile(rf"\b(?:{'|'.join(_CODE_WORDS)})\b")

SAMPLE: Final = 1200
"""Characters of a message that are looked at: its first so many; a language shows itself sooner."""


def prose(text: str, limit: int = SAMPLE) -> str:
    """The words of `text` on one line, at most `limit` characters of it looked at.

    Code blocks, inline code, lines that read as code, URLs, e-mail addresses, markup, formulas, placeholders, digits,
    symbols, emoji and wrongly decoded letters are gone, and quotes, where there are words of the writer's own.
    """
    return prose_lines([text], limit)[0].words


def prose_lines(texts: Sequence[str], limit: int = SAMPLE) -> list[Line]:
    """The `prose` of each text, in order, with its letters by script: much faster than one by one."""
    return clean([_without_matter(text, limit) for text in texts])


def _without_addresses(text: str, instead: str) -> str:
    if ":/" in text:
        text = _URL.sub(instead, text)
    if "@" in text:
        text = _MAIL.sub(instead, text)
    if "www." in text or "WWW." in text or "Www." in text:
        text = _WWW.sub(instead, text)
    return text


def _without_markup(text: str, instead: str) -> str:
    """The text without tags, entities, formulas and placeholders."""
    if ("<" in text and ">" in text) or ("&" in text and ";" in text):
        text = _MARKUP.sub(instead, text)
    if "\\" in text or "$$" in text:
        text = _LATEX.sub(instead, text)
    if "_" in text:
        text = _PLACEHOLDER.sub(instead, text)
    return text


def _without_matter(text: str, limit: int) -> str:
    """The beginning of a text without what is no prose; each pattern runs where its own sign stands."""
    if "```" in text or "~~~" in text:
        text = _FENCE.sub("\n", text[: 20 * limit])
    text = legible(text[:limit])
    if "`" in text:
        text = _INLINE.sub(" ", text)
    text = _without_addresses(text, " ")
    if "." in text and _HAS_ENDING.search(text) is not None:
        text = _NAME.sub(" ", text)
    text = _without_markup(text, " ")
    if _may_hold_code(text):
        # A question that runs on into its code on one line is still a question.
        without = _CODE_LINE.sub("", text)
        if without.strip() or (leaning(text) <= 0 and text.isascii()):
            text = without
    text = spell_digits(text)
    for sign in _QUOTES:
        if sign in text:
            return _without_quotes(text)
    return text


def without_code(text: str, limit: int) -> str:
    """The beginning of a text without code, addresses, markup, formulas and placeholders; a stop stands for each.

    A fence's language stays ("python"), and so does what stands between single backticks: it is mostly a name.
    """
    if "```" in text or "~~~" in text:
        text = _FENCE.sub(_fence_language, text[: 20 * limit])
    text = _without_addresses(legible(text[:limit]), " . ")
    if "." in text:
        text = _FILE.sub(" . ", text)
    text = _without_markup(text, " . ")
    if _may_hold_code(text):
        without = _CODE_LINE.sub(".", text)
        if any(map(str.isalpha, without)) or (leaning(text) <= 0 and text.isascii()):
            text = without
    return text


def _fence_language(match: regex.Match[str]) -> str:
    named = _INFO.match(match.group())
    return f"\n. {named[1]} .\n" if named else "\n.\n"


def _without_quotes(text: str) -> str:
    """The text without what it quotes, where it says anything beside that."""
    without = _QUOTED.sub(" ", text)
    if len(without) == len(text) or _OWN_WORDS.search(without) is None:
        return text
    return without


def _may_hold_code(text: str) -> bool:
    for sign in _CODE_SIGNS:
        if sign in text:
            return True
    for word in _CODE_WORDS:
        if word in text:
            return _CODE_WORD.search(text) is not None
    return False


def outside_code(text: str) -> list[tuple[int, int]]:
    """The stretches `[start, end)` of `text` that lie outside fenced and inline code, in order."""
    if "`" not in text and "~~~" not in text:
        return [(0, len(text))]
    holes = [match.span() for match in _FENCE.finditer(text)]
    holes += [match.span() for match in _INLINE.finditer(_blanked(text, holes))]
    stretches = []
    at = 0
    for start, end in sorted(holes):
        if start > at:
            stretches.append((at, start))
        at = max(at, end)
    if at < len(text):
        stretches.append((at, len(text)))
    return stretches


def _blanked(text: str, holes: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in holes:
        parts += text[at:start], " " * (end - start)
        at = end
    return "".join([*parts, text[at:]])


_UNIVERSAL: Final = frozenset(
    "ok okay okey k kk okk lol lmao rofl haha hahaha hahah hehe hmm hm mmm ah aha oh uh um wow xd test testing "
    "asdf qwerty abc aaa xxx hi ha bye gg omg wtf bot ai gpt chatgpt chat llama vicuna alpaca claude "
    "python java sql html css js json".split()
)
_PUNCTUATION: Final = regex.compile(r"[\p{P}\p{S}]+")
_ASCII_PUNCTUATION: Final = str.maketrans(dict.fromkeys(string.punctuation, " "))
_LONGEST_UNIVERSAL: Final = 40


def is_universal(words: str) -> bool:
    """Whether a message is made of words that say nothing about its language, like `ok` or `lol`."""
    if len(words) >= _LONGEST_UNIVERSAL:
        return False
    lower = words.lower()
    if lower.isascii():
        plain = lower.translate(_ASCII_PUNCTUATION)
    elif not lower[0].isascii() and lower[0].isalpha():
        return False  # every word of the list is ASCII
    else:
        plain = _PUNCTUATION.sub(" ", lower)
    return _UNIVERSAL.issuperset(plain.split())
