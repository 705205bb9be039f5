"""Reads the authored conversations: plain text with marks for what a person would want hidden.

A file holds blocks. A block opens with ``=== key language topic option=value ...`` and goes on with turns; a
turn opens with a marker (a key of `ROLES` and ``>``) and runs to the next one. ``[[TYPE:text]]`` marks
personal data; a text that starts with ``=`` is made by a function of `MAKERS`, so that check digits hold.
A text that is marked once counts wherever it stands in that conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from chatlog.demo import check_digits
from chatlog.errors import DataError

ROLES = {
    "S": "system",
    "D": "developer",
    "U": "user",
    "A": "assistant",
    "B": "other",  # the other side's answer in a battle
    "X": "discarded",  # the answer that a regeneration replaced
    "C": "call",
    "T": "tool",
}
TYPES = frozenset("NAME EMAIL PHONE ADDRESS CARD IBAN IP SECRET NATIONAL_ID URL CRYPTO".split())

_MARK = re.compile(r"\[\[([A-Z_]+):(.+?)\]\](?!\])", re.DOTALL)
_TURN = re.compile(r"^([SDUABXCT])> ?", re.MULTILINE)
# Scripts in which a name touches its neighbours, so that a word boundary says nothing.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def _grouped(text: str, size: int = 4) -> str:
    return " ".join(text[i : i + size] for i in range(0, len(text), size))


def _card(body: str) -> str:
    """The card number of a body, laid out like the body."""
    return body + check_digits.luhn_digit(body)


MAKERS: dict[str, Callable[[str], str]] = {
    "card": _card,
    "iban": lambda body: _grouped(check_digits.iban(body[:2], body[2:])),
    "iban_bare": lambda body: check_digits.iban(body[:2], body[2:]),
    "dni": check_digits.spanish_dni,
    "pesel": check_digits.polish_pesel,
    "cpf": check_digits.brazilian_cpf,
    "cn_id": check_digits.chinese_id,
    "nir": check_digits.french_nir,
    "tckn": check_digits.turkish_tckn,
    "rrn": check_digits.korean_rrn,
    "codice": check_digits.italian_codice_fiscale,
    "aadhaar": check_digits.aadhaar,
    "btc": lambda seed: check_digits.bitcoin_address(seed.encode()),
    "eth": lambda seed: check_digits.ethereum_address(seed.encode()),
}


@dataclass(frozen=True)
class Planted:
    """One marked string."""

    type: str
    text: str


@dataclass(frozen=True)
class Turn:
    """One authored turn; ``text`` still carries its marks."""

    role: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """One authored conversation."""

    key: str
    languages: tuple[str, ...]
    topic: str
    turns: tuple[Turn, ...]
    options: Mapping[str, str] = field(default_factory=dict)

    def planted(self) -> list[Planted]:
        """The distinct marked strings, longest first."""
        found = {mark for turn in self.turns for mark in marks(turn.text)}
        return sorted(found, key=lambda mark: (-len(mark.text), mark.type, mark.text))

    def edited(self, key: str, edits: Mapping[str, str]) -> Conversation:
        """A copy under another key with strings of its turns replaced; each must occur."""
        turns = self.turns
        for old, new in edits.items():
            if not any(old in turn.text for turn in turns):
                raise DataError(f"copy {key} of {self.key}: an edit's left side does not occur; correct the edit")
            turns = tuple(replace(turn, text=turn.text.replace(old, new)) for turn in turns)
        return replace(self, key=key, turns=turns)


def _value(match: re.Match[str]) -> Planted:
    kind, text = match.groups()
    if kind not in TYPES:
        raise DataError(f"unknown mark type {kind}; expected one of {', '.join(sorted(TYPES))}")
    if text.startswith("="):
        maker, _, body = text[1:].partition(" ")
        text = MAKERS[maker](body)
    return Planted(kind, text)


def marks(text: str) -> list[Planted]:
    """The marked strings of a turn, in order."""
    return [_value(match) for match in _MARK.finditer(text)]


def plain(text: str) -> str:
    """A turn's text as the log holds it."""
    return _MARK.sub(lambda match: _value(match).text, text)


def _bounded(planted: str, text: str, start: int, end: int) -> bool:
    def touches(edge: str, neighbour: str) -> bool:
        return edge.isalnum() and neighbour.isalnum() and not _UNSPACED.match(edge + neighbour)

    before, after = text[start - 1 : start], text[end : end + 1]
    return not (touches(planted[0], before) or touches(planted[-1], after))


def spans(marked: str, planted: list[Planted]) -> Iterator[tuple[int, int, Planted]]:
    """The places of personal data in ``plain(marked)``, in order and never overlapping.

    A turn's own marks come first, then the strings marked elsewhere in the conversation. Offsets are in
    Python characters, end exclusive.
    """
    taken: list[tuple[int, int, Planted]] = []
    shift = 0
    for match in _MARK.finditer(marked):
        value = _value(match)
        start = match.start() - shift
        taken.append((start, start + len(value.text), value))
        shift += len(match.group()) - len(value.text)
    text = plain(marked)
    for mark in planted:
        start = text.find(mark.text)
        while start >= 0:
            end = start + len(mark.text)
            free = all(end <= other[0] or start >= other[1] for other in taken)
            if free and _bounded(mark.text, text, start, end):
                taken.append((start, end, mark))
            start = text.find(mark.text, start + 1)
    yield from sorted(taken, key=lambda span: span[:2])


def _block(block: str, path: Path) -> Conversation:
    head, _, body = block.partition("\n")
    key, languages, topic, *rest = head.split()
    pieces = _TURN.split(body)
    if pieces[0].strip() or len(pieces) < 3:
        raise DataError(f"{path.name}: block {key}: expected a turn marker such as 'U>' after the head line")
    turns = tuple(Turn(ROLES[mark], text.strip("\n")) for mark, text in zip(pieces[1::2], pieces[2::2], strict=True))
    options = {name: value for name, _, value in (item.partition("=") for item in rest)}
    return Conversation(key, tuple(languages.split("+")), topic, turns, options)


def read_authored(folder: Path) -> list[Conversation]:
    """The conversations of every ``*.txt`` of a folder but ``copies.txt``, in file and block order."""
    conversations: list[Conversation] = []
    for path in sorted(folder.glob("*.txt")):
        if path.name != "copies.txt":
            blocks = re.split(r"^=== ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
            conversations += [_block(block, path) for block in blocks]
    keys = [conversation.key for conversation in conversations]
    if len(set(keys)) != len(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise DataError(f"{folder.name}: keys used twice: {', '.join(twice)}; give each block its own")
    return conversations


def read_copies(path: Path, conversations: list[Conversation]) -> list[tuple[Conversation, str, str]]:
    """The copies that a file asks for, each with the key of its original and its kind (exact or near).

    A line reads ``kind original file [| old => new]...``.
    """
    by_key = {conversation.key: conversation for conversation in conversations}
    copies = []
    for number, line in enumerate(path.read_text("utf-8").splitlines()):
        if not line.strip() or line.startswith("#"):
            continue
        head, *edits = line.split(" | ")
        kind, original, target = head.split()
        pairs = dict(edit.split(" => ") for edit in edits)
        copy = by_key[original].edited(f"{original}~{number}", pairs)
        options = {"to": target} | ({"vote": ""} if "vote" in copy.options else {})
        copies.append((replace(copy, options=options), original, kind))
    return copies
