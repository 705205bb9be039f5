"""What a person wrote in words: a message without code, addresses, markup, numbers and placeholders."""

from __future__ import annotations

from typing import Final

import regex

from chatlog.text.english import leaning

_FENCE: Final = regex.compile(r"(?ms)^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)|(`{3,}).*?(?:\2|\Z)")
_INLINE: Final = regex.compile(r"`[^`\n]{1,200}`")
_ADDRESS: Final = regex.compile(
    r"(?i)\b(?:https?|ftp|file|data|mailto)://?\S+|\bwww\.\S+|\S+@\S+\.\S+|\b[\w.-]+\.(?:com|org|net|io|py|js|html?|json|txt|csv|pdf|png|jpe?g)\b"
)
_MARKUP: Final = regex.compile(r"(?s)<(?:!--.*?--|/?[A-Za-z][\w:-]*(?:\s[^<>]{0,500})?/?)>|&(?:#\d+|[a-zA-Z]{2,8});")
_LATEX: Final = regex.compile(r"(?s)\$\$.{1,2000}?\$\$|\\\[.{1,2000}?\\\]|\\\(.{1,500}?\\\)|\\[A-Za-z]+")
_PLACEHOLDER: Final = regex.compile(r"\b[A-Z][A-Z_]*_\d+\b")
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
_CODE_SIGN: Final = regex.compile(r"[=;{}()#$]|>>>|//|\b(?:import|SELECT|FROM|def|class|Traceback|print|git|pip)\b")
_NOISE: Final = regex.compile(r"[\p{N}\p{S}\p{Co}\p{Cn}_*#|~/\\=+<>\[\](){}\"“”„«»:;•·–—-]+")
_SPACE: Final = regex.compile(r"\s+")
_LONG_RUN: Final = regex.compile(r"(\w)\1{3,}")

SAMPLE: Final = 1200
"""Characters of a message that are looked at: its first so many; a language shows itself sooner."""


def prose(text: str, limit: int = SAMPLE) -> str:
    """The words of `text` on one line, at most `limit` characters of it looked at.

    Code blocks, inline code, lines that read as code, URLs, e-mail addresses, markup, formulas,
    placeholders, digits, symbols and emoji are gone.
    """
    if "```" in text or "~~~" in text:
        text = _FENCE.sub("\n", text[: 20 * limit])
    text = text[:limit]
    if "`" in text:
        text = _INLINE.sub(" ", text)
    if "." in text or ":" in text:
        text = _ADDRESS.sub(" ", text)
    if "<" in text or "&" in text:
        text = _MARKUP.sub(" ", text)
    if "\\" in text or "$$" in text:
        text = _LATEX.sub(" ", text)
    if "_" in text:
        text = _PLACEHOLDER.sub(" ", text)
    if _CODE_SIGN.search(text) is not None:
        # A question that runs on into its code on one line is still a question.
        without = _CODE_LINE.sub("", text)
        if without.strip() or (leaning(text) <= 0 and text.isascii()):
            text = without
    text = _NOISE.sub(" ", text)
    text = _LONG_RUN.sub(r"\1\1\1", text)
    return str(_SPACE.sub(" ", text).strip())


def outside_code(text: str) -> list[tuple[int, int]]:
    """The stretches `[start, end)` of `text` that lie outside fenced and inline code, in order."""
    if "`" not in text and "~~~" not in text:
        return [(0, len(text))]
    holes = [match.span() for match in _FENCE.finditer(text)]
    blanked = text
    for start, end in holes:
        blanked = blanked[:start] + " " * (end - start) + blanked[end:]
    holes += [match.span() for match in _INLINE.finditer(blanked)]
    stretches = []
    at = 0
    for start, end in sorted(holes):
        if start > at:
            stretches.append((at, start))
        at = max(at, end)
    if at < len(text):
        stretches.append((at, len(text)))
    return stretches


_UNIVERSAL: Final = frozenset(
    "ok okay okey k kk okk lol lmao rofl haha hahaha hahah hehe hmm hm mmm ah aha oh uh um wow xd test testing "
    "asdf qwerty abc aaa xxx hi ha bye gg omg wtf bot ai gpt chatgpt chat llama vicuna alpaca claude "
    "python java sql html css js json".split()
)
_PUNCTUATION: Final = regex.compile(r"[\p{P}\p{S}]+")


def is_universal(words: str) -> bool:
    """Whether a message is made of words that say nothing about its language, like `ok` or `lol`."""
    return len(words) < 40 and all(word in _UNIVERSAL for word in _PUNCTUATION.sub(" ", words.lower()).split())
