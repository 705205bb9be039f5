"""Made-up values that stand for real ones, each of a kind that nobody can have.

Names are invented; addresses of machines, phones and domains are from the ranges that standards keep
for documentation (RFC 2606, RFC 5737, RFC 7042, and the North American 555-01XX). Numbers that carry
a check digit are not imitated, since an invented one that passes its check would read as a leak.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Final

import regex

from chatlog.text.pii_span import LABELS

_GIVEN: Final = tuple(
    first + last
    for first in ("Adv", "Belv", "Corv", "Delv", "Evr", "Fanv", "Jelv", "Korv")
    for last in ("ana", "ello", "ika", "ona", "ari", "eth", "ius", "omi")
)
_FAMILY: Final = tuple(
    first + last
    for first in ("Ash", "Bram", "Cald", "Dun", "Elm", "Fair", "Gar", "Hol")
    for last in ("quarrow", "vessen", "tamble", "wickett", "drell", "morven", "zeller", "pontin")
)
_NETS: Final = ("192.0.2.", "198.51.100.", "203.0.113.")
_AREAS: Final = ("202", "303", "404", "505", "606", "707", "808", "909")
_FIRST_DAY: Final = datetime.date(1900, 1, 1)

_PERSON: Final = rf"(?:{'|'.join(_GIVEN)})(?: (?:{'|'.join(_FAMILY)}))?|{'|'.join(_FAMILY)}"
_OTHERS: Final = "|".join(sorted(set(LABELS.values())))
SURROGATE: Final = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}])(?:{_PERSON}|person\d+@example\.com|\+1 (?:{'|'.join(_AREAS)}) 555 01\d\d"
    rf"|\d+ Sample Street, Anytown|19(?:0\d|1[0-4])-\d\d-\d\d|sample_user_\d+|https://example\.com/u/\d+"
    rf"|(?:{'|'.join(regex.escape(net) for net in _NETS)})\d{{1,3}}|00:00:5E:00:53:[0-9A-F]{{2}}"
    rf"|(?:{_OTHERS})-SAMPLE-\d+)(?![\p{{L}}\p{{N}}])"
)
"""Every surrogate, so that a second redaction leaves them alone."""


_MADE: Final[dict[str, Callable[[int], str]]] = {
    "EMAIL_ADDRESS": lambda at: f"person{at}@example.com",
    "PHONE_NUMBER": lambda at: f"+1 {_AREAS[at // 100 % len(_AREAS)]} 555 01{at % 100:02d}",
    "STREET_ADDRESS": lambda at: f"{at} Sample Street, Anytown",
    "DATE_OF_BIRTH": lambda at: (_FIRST_DAY + datetime.timedelta(days=at % 5000)).isoformat(),
    "USERNAME": lambda at: f"sample_user_{at}",
    "URL": lambda at: f"https://example.com/u/{at}",
    "IP_ADDRESS": lambda at: f"{_NETS[at // 254 % len(_NETS)]}{at % 254 + 1}",
    "MAC_ADDRESS": lambda at: f"00:00:5E:00:53:{at % 256:02X}",
}
"""What is made of an entity's place in the pool; types that are missing get a label and a number."""


def surrogate(type_: str, number: int, shift: int, place: int | None = None) -> str:
    """The surrogate of a conversation's entity.

    Args:
        type_: a key of LABELS.
        number: the entity's, from 1.
        shift: the conversation's own, so that not every conversation speaks of the same persons.
        place: of a person, which part of the name is meant: 0 the given name, 1 the family name, None both.
    """
    at = number - 1 + shift
    if type_ == "PERSON":
        given, family = _GIVEN[at % len(_GIVEN)], _FAMILY[(at // len(_GIVEN) + at) % len(_FAMILY)]
        return f"{given} {family}" if place is None else (given, family)[place]
    made = _MADE.get(type_)
    return made(at) if made is not None else f"{LABELS[type_]}-SAMPLE-{number}"
