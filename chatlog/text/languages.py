"""Language codes: their English names, their ISO 639-3 codes, and the macrolanguages that fold together."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

UNKNOWN_CODE: Final = "und"
"""BCP 47 (RFC 5646, section 4.1): undetermined."""

UNKNOWN_NAME: Final = "unknown"
"""What lmsys-chat-1m writes in `language` where none was found."""


def _lines(name: str) -> list[str]:
    text = files("chatlog.text").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


_ENTRIES: Final = [line.split(" ", 2) for line in _lines("languages.txt")]

ISO_639_3: Final = {code: three for code, three, _ in _ENTRIES}
"""ISO 639-3 code by BCP 47 code."""

NAMES: Final = {code: name for code, _, name in _ENTRIES}
"""English name by BCP 47 code."""

_FOLD: Final = {member: group.split()[0] for group in _lines("macrolanguages.txt") for member in group.split()[1:]}

_BY_ISO_639_3: Final = {three: code for code, three in reversed(ISO_639_3.items())}
"""BCP 47 code by ISO 639-3 code; where two share one, the first of the file."""

_RETIRED: Final = {"iw": "heb", "in": "ind", "ji": "yid", "mo": "ron"}
"""Codes that BCP 47's registry keeps only as deprecated, and what they became."""


def fold_code(code: str) -> str:
    """The ISO 639-3 code that stands for `code`, with macrolanguages folded and script and region dropped.

    `pt-BR` gives `por`, `arz_Arab` gives `ara`, `nb` gives `nor`. A code that is in no table gives
    its first subtag; an empty code, `unknown` and `und` give `und`.
    """
    first = code.strip().replace("_", "-").split("-")[0].lower()
    if not first or first == UNKNOWN_NAME:
        return UNKNOWN_CODE
    three = first if len(first) == 3 else ISO_639_3.get(first, _RETIRED.get(first, first))
    return _FOLD.get(three, three)


def shortest_code(three: str) -> str:
    """The BCP 47 code for an ISO 639-3 code: `en` for `eng`, and `ar` for `arb`, which belongs to `ara`.

    A code that is in no table stands for itself, as BCP 47 wants it.
    """
    return _BY_ISO_639_3.get(three) or _BY_ISO_639_3.get(_FOLD.get(three, ""), three)


def english_name(code: str) -> str:
    """The English name for a BCP 47 code, as lmsys-chat-1m writes them; `unknown` for `und`.

    A language that is in no table, as a larger model may find it, has its code for a name.
    """
    if code == UNKNOWN_CODE:
        return UNKNOWN_NAME
    language = code.split("-")[0]
    return NAMES.get(language, language)
