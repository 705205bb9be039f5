"""A view of a text in which digits, letters and signs are ASCII where they can be, with a way back.

Identifiers are written in full-width or Arabic-Indic digits, in mathematical letters, or with
zero-width characters between them. Patterns match on the view; offsets map back to the text.
"""

from __future__ import annotations

import sys
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import Final

import regex

_INVISIBLE: Final = regex.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
"""Characters without a width (Unicode, Default_Ignorable_Code_Point): soft hyphen, zero-width, bidi marks."""

_SIGNS: Final = str.maketrans(
    {
        "‘": "'", "’": "'", "‛": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "﹣": "-",
        "。": ".", "、": ",", "،": ",", "؛": ";", "٫": ".", "∶": ":", "\u2028": "\n", "\u2029": "\n",
    }
)  # fmt: skip


@cache
def _table() -> dict[int, str]:
    """One ASCII character for each character that stands for one: made once, since it walks all of Unicode."""
    table: dict[int, str] = {}
    for code in range(128, sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd":
            table[code] = str(unicodedata.digit(character))
        elif category == "Zs":
            table[code] = " "
        elif category in ("Cn", "Co", "Cs"):
            continue
        else:
            compatible = unicodedata.normalize("NFKC", character)
            # Ordinals (1º) and superscripts are signs of their own, not letters and digits.
            raised = unicodedata.decomposition(character).startswith("<super>")
            if len(compatible) == 1 and " " < compatible <= "~" and not raised:
                table[code] = compatible
    return table | {code: str(sign) for code, sign in _SIGNS.items()}


_LOOKALIKES: Final = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтвнАВЕКМНОРСТУХІЈЅԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρτυ",
    "aeopcyxijshdqwkmtbhABEKMHOPCTYXIJSGQWABEZHIKMNOPTYXovptu",
)
"""Cyrillic and Greek letters that look like Latin ones (Unicode UTS 39, confusables)."""
_LOOKALIKE: Final = regex.compile(f"[{''.join(map(chr, _LOOKALIKES))}]")
_MIXED: Final = regex.compile(r"[\w@.+/:-]*+")
_ASCII_LETTER: Final = regex.compile(r"[A-Za-z]")
_FOREIGN: Final = regex.compile(r"[^\W\d_]")


def _unmasked(text: str) -> str:
    """The text with letters that pose as Latin ones among Latin ones made these; words of one alphabet stay."""
    if _LOOKALIKE.search(text) is None or _ASCII_LETTER.search(text) is None:
        return text
    return str(_MIXED.sub(_as_latin, text))


def _as_latin(match: regex.Match[str]) -> str:
    token = match[0]
    if token.isascii() or _ASCII_LETTER.search(token) is None:
        return token
    latin = token.translate(_LOOKALIKES)
    # A letter that poses as nothing tells that the word is written in its own alphabet.
    return latin if all(letter.isascii() for letter in _FOREIGN.findall(latin)) else token


@dataclass(frozen=True)
class View:
    """A text made plain.

    Attributes:
        text: what patterns match on.
        cuts: positions in `text` before which an invisible character was taken out, ascending; one
            entry a character.
    """

    text: str
    cuts: tuple[int, ...] = ()

    def start(self, position: int) -> int:
        """The offset in the original text of the character at `position`."""
        return position + bisect_right(self.cuts, position)

    def end(self, position: int) -> int:
        """The offset in the original text after the last character of a match that ends at `position`."""
        return self.start(position - 1) + 1 if position else 0


def view(text: str) -> View:
    """The view of `text`; its own characters where it is plain ASCII already."""
    if text.isascii():
        return View(text)
    plain = text.translate(_table())
    cuts = []
    for taken, match in enumerate(_INVISIBLE.finditer(plain)):
        cuts.append(match.start() - taken)
    if not cuts:
        return View(_unmasked(plain))
    return View(_unmasked(_INVISIBLE.sub("", plain)), tuple(cuts))
