"""Whether a text leans towards English, by its function words alone."""

from __future__ import annotations

from typing import Final

import regex

_WORD: Final = regex.compile(r"(?<!\p{L})\p{Ll}+(?!\p{L})")

_ENGLISH: Final = frozenset(
    "the and of is to with for that you it he she my has have had are by this your his from what who please can was "
    "were will would not be been their they we our there which when at about into how do does did if its".split()
)
_OTHER: Final = frozenset(
    "der die das und ist nicht ein eine ich mit den dem von für auf les est une des je vous pour dans qui pas el los "
    "las y que por con una para su del al se il di che è per non gli sono uma não os com em dos het een van dat niet "
    "zijn voor och att det som på är ikke jeg ved og w nie na się jest z że ve bir bu için da ja že si mi ne yang dan "
    "ini itu dengan untuk".split()
)


def leaning(text: str) -> int:
    """Above zero where the function words are English, below where they are another language's."""
    words = _WORD.findall(text)
    return sum(word in _ENGLISH for word in words) - sum(word in _OTHER for word in words)
