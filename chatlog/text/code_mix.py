"""Which words of a line are of a romanised language, and which of the European one that it is mixed with."""

from __future__ import annotations

from collections import Counter
from typing import Final

import regex

from chatlog.text.function_words import word_languages

_WORD: Final = regex.compile(r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*")
_EUROPEAN: Final = frozenset("en fr es it pt de nl".split())
"""Languages that people mix romanised ones with."""
_FREQUENT: Final = {
    "fr": "mais ou donc bien très tout tous toute aussi mon ma mes ton tes son ses nous on elle ils elles ai as avez"
    " ont suis êtes sommes même encore toujours jamais rien quand comme parce si oui non merci bonjour c'est j'ai d'un"
    " l'on qu'il n'est ça sans sous entre depuis vraiment beaucoup peu fait faire dit dire peut faut aller va vont"
    " temps jour",
    "en": "my your his her our their me him us them am are was were been had has did does don't it's i'm so but if then"
    " than because very just like really know think want need please good day time who where when why get got make go",
    "es": "mi tu su me te nos soy eres somos están muy pero porque cuando donde bien todo todos también ya si sí nada"
    " algo hacer hace tiene tengo puede quiero gracias hola este esta eso",
}
_MORE: Final = {word: code for code, words in _FREQUENT.items() for word in words.split()}
"""Frequent words beside the small words of `function_words.txt`, where they are of one of these languages alone."""
_HITS: Final = 2
"""Words of each language that a mixture needs."""


def _owners(word: str) -> frozenset[str]:
    more = _MORE.get(word)
    return word_languages(word) | {more} if more else word_languages(word)


def without_romanised(line: str) -> str:
    """The words of `line`, in lower case, that no romanised language has among its small words."""
    return " ".join(word for word in _WORD.findall(line) if not any(c.endswith("-Latn") for c in word_languages(word)))


def romanised_mixture(line: str, other: str = "") -> dict[str, float]:
    """The letters of each of the two languages that `line`, in lower case, mixes; empty where it mixes none.

    Small words tell: `rani` is Arabic, `pour` French. A word of neither list goes with the one before it, the
    first words with the one after them, since people change language for a few words at a time.

    Args:
        line: a line of prose.
        other: what the rest of the line was surely taken for; one small word of it is enough then.
    """
    words = _WORD.findall(line)
    owners = [_owners(word) for word in words]
    romanised = Counter(code for codes in owners if codes for code in codes if code.endswith("-Latn"))
    european = Counter(code for codes in owners for code in codes & _EUROPEAN)
    if not romanised or not european:
        return {}
    first, second = (max(sorted(hits), key=hits.__getitem__) for hits in (romanised, european))
    tags = ["" if (first in codes) == (second in codes) else first if first in codes else second for codes in owners]
    if tags.count(first) < _HITS or tags.count(second) < (1 if second == other else _HITS):
        return {}
    letters = {first: 0.0, second: 0.0}
    last = next(tag for tag in tags if tag)
    for word, tag in zip(words, tags, strict=True):
        last = tag or last
        letters[last] += len(word)
    return letters
