"""Terms of a text, for keywords: words and pairs of words, or character n-grams where there are no spaces."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final

import regex

SAMPLE: Final = 1500
"""Characters of a text that are looked at, about what an embedder reads of it."""

_NOISE: Final = regex.compile(
    r"(?i:\bhttps?://\S+|\bwww\.\S+|\S+@\S+\.\S+)"
    # A placeholder that redact left (NAME_1), in or out of brackets, says nothing about the topic.
    r"|\b[A-Z][A-Z_]*_\d+\b|\[[A-Z][A-Z_]+\]"
    r"|</?[A-Za-z][^<>]{0,200}>|&[a-zA-Z]{2,8};"
)

_RUN: Final = regex.compile(
    r"(?P<han>[\p{Han}々]+)"
    r"|(?P<katakana>[\p{Katakana}ー]{2,})"
    # Hiragana is mostly grammar: it ends a run of the others and gives no terms.
    r"|(?P<hiragana>\p{Hiragana}+|[\p{Katakana}ー])"
    r"|(?P<unspaced>(?:[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]\p{M}*)+)"
    r"|(?P<word>[\p{L}\p{M}][\p{L}\p{M}\p{N}]*(?:['’.\-_][\p{L}\p{N}]+|\+\+|\#)*)"
    r"|(?P<stop>[^\s\p{L}\p{M}\p{N}])"
)

_HAN_GRAMMAR: Final = regex.compile(
    r"关于|關於|什么|什麼|怎么|怎麼|如何|怎样|怎樣|可以|因为|因為|所以|没有|沒有|请用|請用|给出|介绍|介紹|解释|解釋|生成"
    r"|写[一个個篇出首段]?|寫[一個篇出首段]?|一[个個些种種下段篇首份]|[的了是在和与與及或请請我你您他她它们們这這那吗嗎呢吧啊"
    r"就都也很把被给給让讓对對从從到为為以将將并並而且有不要能会會]"
)
# Chinese has no spaces: n-grams would run across words of grammar, so these end a run as punctuation does.

_CLUSTER: Final = regex.compile(r"\X")

_KOREAN_PARTICLES: Final = regex.compile(
    r"(?<=\p{Hangul}{2})(?:에서는|에서|으로는|으로|에게|까지|부터|처럼|보다|이나|라는|이라는|은|는|이|가|을|를|에|의|로|도|와|과|만)$"
)

_LONGEST_WORD: Final = 40  # beyond it stand keys, hashes and base64


def terms(text: str) -> set[str]:
    """The distinct terms of `text`, in lower case: words, pairs of neighbouring words, character n-grams.

    Stop words and one-letter words are left out, and a pair never spans one, nor punctuation.
    """
    found: set[str] = set()
    before = ""
    for kind, value in _runs(_NOISE.sub(" . ", text[:SAMPLE])):
        if kind == "han":
            for run in _HAN_GRAMMAR.split(value):
                found.update(gram for gram in _ngrams(list(run), 2, 4) if gram not in stop_words())
            before = ""
        elif kind == "unspaced":
            found.update(_ngrams(_CLUSTER.findall(value), 3, 6))
            before = ""
        elif kind == "katakana":
            found.add(value)
            before = ""
        elif kind == "word":
            word = _normal(value)
            if not _keeps(word):
                before = ""
                continue
            found.add(word)
            if before and before != word:
                found.add(f"{before} {word}")
            before = word
        else:
            before = ""
    return found


def _runs(text: str) -> Iterator[tuple[str, str]]:
    for match in _RUN.finditer(text):
        yield match.lastgroup or "", match.group()


def _normal(word: str) -> str:
    word = word.lower().replace("’", "'").removesuffix("'s")
    return str(_KOREAN_PARTICLES.sub("", word))


def _keeps(word: str) -> bool:
    if len(word) < 2 or len(word) > _LONGEST_WORD or word in stop_words():
        return False
    return not (word.isascii() and len(word) < 3 and not word.endswith(("#", "+")) and word not in _SHORT)


_SHORT: Final = frozenset({"ai", "ml", "pc", "tv", "uk", "us", "eu", "un", "js", "ui", "ux", "3d", "hr", "it"})
# Two-letter words that name a topic; the others are mostly variables and syllables.


def _ngrams(units: list[str], shortest: int, longest: int) -> Iterator[str]:
    for size in range(shortest, longest + 1):
        for start in range(len(units) - size + 1):
            yield "".join(units[start : start + size])


@cache
def stop_words() -> frozenset[str]:
    """Words of grammar in some 30 languages, and the words of asking ("please", "write") that every topic has."""
    text = resources.files("chatlog.text").joinpath("stop_words.txt").read_text(encoding="utf-8")
    lines = (line.split("#", 1)[0] for line in text.splitlines())
    return frozenset(word for line in lines for word in line.split(":", 1)[-1].split())
