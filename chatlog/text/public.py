"""Names that everybody may know: the list that ships, the policy's own, and names that many users wrote."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Final

import regex
import xxhash

from chatlog.text.name_forms import bare_words
from chatlog.text.pii_gazetteer import NOT_NAMES, PARTICLES, SEQUENCE, is_common, is_family, is_given

_SPACE: Final = regex.compile(r"\s+")
_SIGNED: Final = (1 << 64) - 1


def folded(name: str) -> str:
    """The name in lower case without accents, possessive or title: what names are compared by."""
    words = " ".join(bare_words(name)) or name.lower()
    decomposed = unicodedata.normalize("NFKD", words)
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return _SPACE.sub(" ", unicodedata.normalize("NFC", plain.replace("ё", "е"))).strip()


def name_key(name: str) -> int:
    """A 64-bit hash of the folded name, signed."""
    value = xxhash.xxh64_intdigest(folded(name).encode("utf-8", "surrogatepass"))
    return value - (1 << 64) if value > _SIGNED >> 1 else value


_WORD_BEFORE: Final = regex.compile(r"(?<!\p{L})(\p{Lu}[\p{L}'’-]*)[ ]\Z")
_WORD_BEHIND: Final = regex.compile(r"[ ](\p{Lu}[\p{L}-]*)")
_LONGEST: Final = 40


@cache
def figures() -> tuple[frozenset[str], frozenset[str]]:
    """Folded whole names, and folded single words that name one figure to everybody, of `public_figures.txt`."""
    sections: dict[str, set[str]] = {"whole": set(), "alone": set()}
    section = ""
    for line in files("chatlog.text").joinpath("public_figures.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            sections[section] |= {folded(name) for name in line.split(",")}
    return frozenset(sections["whole"]), frozenset(sections["alone"])


class Public:
    """Which names stay, in one conversation.

    A single word stays where it is a part of a whole public name that stood before it, or one that
    everybody knows; not where a private person of the conversation bears it too.

    Args:
        allowed: folded names that stay wherever they stand.
        shipped: whether the figures that ship with chatlog stay.
        keys: `name_key` of names that many users wrote.
    """

    def __init__(self, allowed: frozenset[str], shipped: bool, keys: Iterable[int] = ()) -> None:
        self._allowed = allowed
        self._whole, self._alone = figures() if shipped else (frozenset(), frozenset())
        self._keys = frozenset(keys)
        self._met: set[str] = set()
        self._private: set[str] = set()

    def holds(self, name: str) -> bool:
        """Whether the name is a public one; remembers the parts of a whole one."""
        plain = folded(name)
        words = plain.split(" ")
        if plain in self._allowed:
            return True
        if len(words) == 1:
            return plain not in self._private and (
                plain in self._met or plain in self._alone or plain in self._whole or self._common(name)
            )
        if self._is_whole(name):
            self._met.update(words)
            return True
        return False

    def _is_whole(self, name: str) -> bool:
        plain = folded(name)
        return plain in self._allowed or plain in self._whole or self._common(name)

    def part_of_one(self, text: str, start: int, end: int) -> bool:
        """Whether a word of `text` is a part of a whole public name that stands there: `Taylor` of `Taylor Swift`."""
        before, behind = _WORD_BEFORE.search(text, max(0, start - _LONGEST), start), _WORD_BEHIND.match(text, end)
        word = text[start:end]
        return any(
            self._is_whole(name)
            for name in (
                f"{word} {behind[1]}" if behind is not None else "",
                f"{before[1]} {word}" if before is not None else "",
            )
            if name
        )

    def bear(self, name: str) -> None:
        """Tells that a private person has this name."""
        self._private.update(folded(name).split(" "))

    def _common(self, name: str) -> bool:
        return bool(self._keys) and name_key(name) in self._keys


_MOST_WORDS: Final = 4


def _shared(word: str) -> bool:
    return is_given(word) or is_family(word)


def name_like(text: str) -> Iterator[str]:
    """What is written like a name: one to four words in a row, capitalised but for particles between.

    A given or a family name alone is none, since many bear it; a word that headings capitalise is none either.
    """
    for match in SEQUENCE.finditer(text):
        words, spans = match.captures("w"), match.spans("w")
        plain = [folded(word) for word in words]
        ordinary = [len(word) < 2 or word in PARTICLES or word in NOT_NAMES or is_common(word) for word in plain]
        for first in range(len(words)):
            for last in range(first, min(len(words), first + _MOST_WORDS)):
                if ordinary[first] or ordinary[last] or (first == last and _shared(plain[first])):
                    continue
                yield text[spans[first][0] : spans[last][1]]
