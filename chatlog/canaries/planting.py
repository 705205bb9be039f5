"""Puts one canary into a copy of a conversation, and remembers where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chatlog.canaries.carriers import Carrier, pick_carrier
from chatlog.canaries.forms import SPLIT, pick_form, written
from chatlog.canaries.hosts import Host, plain
from chatlog.canaries.names import is_listed, person
from chatlog.canaries.values import MAKERS, PERSON
from chatlog.demo.dice import Dice
from chatlog.demo.grammar import Language

BEGINNING: Final = "beginning"
MIDDLE: Final = "middle"
END: Final = "end"

_BY_USER: Final = 0.7
"""Share of canaries in messages of users, where there are any: people tell more of themselves than is told to them."""

_BOUNDARY: Final = re.compile(r"(?<=[.!?…]\s)(?=\S)|(?<=[。！？।])(?=\S)|(?<=\n)(?=\S)")
_FENCE: Final = "```"
_UNSPACED: Final = frozenset(["zh", "ja"])


@dataclass(frozen=True)
class Place:
    """A part of a canary: index of the message, code points with the end exclusive."""

    message: int
    start: int
    end: int


@dataclass(frozen=True)
class Canary:
    """One planted value.

    Attributes:
        type: a key of LABELS.
        parts: the value as it is written; two parts where it is cut.
        language: of its sentence, or of the conversation where it stands in none.
        role: who says it.
        placement: where in the message.
        form: how it is written.
        carrier: what stands around it.
        places: where each part stands.
        listed: for a person, whether redaction's lists know a word of the name.
    """

    type: str
    parts: tuple[str, ...]
    language: str
    role: str
    placement: str
    form: str
    carrier: Carrier
    places: tuple[Place, ...]
    listed: bool | None

    @property
    def value(self) -> str:
        """The parts on one line."""
        return " / ".join(self.parts)

    @property
    def size(self) -> int:
        """Its letters and digits."""
        return sum(char.isalnum() for part in self.parts for char in part)


def plant(
    dice: Dice, host: Host, type_: str, speakers: Mapping[str, Language], unlisted: bool
) -> tuple[list[dict[str, Any]], Canary]:
    """A copy of the host's messages with one canary in it, and the canary.

    Args:
        dice: where the draws come from.
        host: the conversation.
        type_: what is planted.
        speakers: what invents names, homes and telephone numbers, by language code.
        unlisted: whether a person's name must be one that redaction's lists do not know.
    """
    roles = {host.messages[at]["role"] for at in host.usable}
    role = "user" if "user" in roles and (len(roles) == 1 or dice.chance(_BY_USER)) else "assistant"
    at = dice.pick([at for at in host.usable if host.messages[at]["role"] == role])
    later = next((other for other in host.usable if other > at and host.messages[other]["role"] == role), None)
    code = host.language or "en"
    speaker = speakers.get(code, speakers["en"])
    value = _fresh(dice, host, type_, speaker, unlisted)
    form = pick_form(dice, type_, value, later is not None)
    parts = written(dice, form, code, value)
    carrier = pick_carrier(dice, code, type_)
    texts = {at: host.messages[at]["content"]}
    if form == SPLIT and later is not None:
        placement = SPLIT
        texts[later] = host.messages[later]["content"]
        first = _put(dice, texts, at, END, carrier.before, parts[0], "", carrier.block, code)
        second = _put(dice, texts, later, BEGINNING, "", parts[1], carrier.after, carrier.block, code)
        places: tuple[Place, ...] = (first, second)
    else:
        gaps = _gaps(texts[at])
        placement = dice.pick((BEGINNING, MIDDLE, END) if gaps else (BEGINNING, END))
        places = (_put(dice, texts, at, placement, carrier.before, parts[0], carrier.after, carrier.block, code, gaps),)
    messages = [dict(turn) for turn in host.messages]
    for index, text in texts.items():
        messages[index]["content"] = text
    listed = is_listed(value) if type_ == PERSON else None
    return messages, Canary(type_, parts, code, role, placement, form, carrier, places, listed)


def _fresh(dice: Dice, host: Host, type_: str, speaker: Language, unlisted: bool) -> str:
    """A value that the conversation does not hold already, so that what is left of it is the canary's."""
    for _ in range(20):
        value = person(dice, speaker, unlisted) if type_ == PERSON else MAKERS[type_](dice, speaker)
        if plain(value) not in host.plain:
            break
    return value


def _gaps(text: str) -> list[int]:
    """Where something can stand between two sentences or lines, outside of fenced code."""
    gaps, fences, last = [], 0, 0
    for match in _BOUNDARY.finditer(text):
        fences += text.count(_FENCE, last, match.start())
        last = match.start()
        if fences % 2 == 0 and not text.startswith(_FENCE, last):
            gaps.append(last)
    return gaps


def _put(
    dice: Dice,
    texts: dict[int, str],
    at: int,
    placement: str,
    before: str,
    value: str,
    after: str,
    block: bool,
    code: str,
    gaps: list[int] | None = None,
) -> Place:
    """Where the value stands in message `at`, once it has been put there with what is around it."""
    text = texts[at]
    said = f"{before}{value}{after}"
    # In Chinese and Japanese a line's end keeps a sentence apart; a space would be none of theirs.
    glue = "\n" if block or code in _UNSPACED or dice.chance(0.3) else " "
    if placement == BEGINNING:
        lead, text = 0, f"{said}{glue}{text}"
    elif placement == END:
        lead, text = len(text) + len(glue), f"{text}{glue}{said}"
    else:
        assert gaps is not None
        cut = dice.pick(gaps)
        opening = "\n" if block and text[cut - 1] != "\n" else ""
        closing = "\n" if block else "" if code in _UNSPACED else " "
        lead = cut + len(opening)
        text = f"{text[:cut]}{opening}{said}{closing}{text[cut:]}"
    texts[at] = text
    start = lead + len(before)
    return Place(at, start, start + len(value))
