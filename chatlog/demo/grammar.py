"""Sentences of fifteen languages, built from small vocabularies (``vocabulary/*.toml``).

A frame is a sentence with slots; a slot's pool is fixed when the vocabulary is loaded, so that a sentence costs
one draw a slot. The sentences make sense one by one, not together: they stand in for chats where only
their looks matter (length, script, repetition), not what they say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatlog.demo.dice import Dice

VOCABULARY: Final = Path(__file__).parent / "vocabulary"

_SLOT = re.compile(r"\{([a-z]+)\}")
_SMALL = [str(n) for n in range(2, 100)]
_LARGE = [str(n) for n in (*range(100, 400, 5), *range(400, 3000, 50))]
_EXPANDED = 120  # variants kept of the slots that hold slots themselves

# Dice of its own: what a language can say must not depend on the seed of a run.
_SEED = 20250304


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence with ``%s`` for each slot, and what may stand there."""

    template: str
    pools: tuple[list[str], ...]

    def say(self, dice: Dice) -> str:
        """The sentence with its slots filled."""
        return self.template % tuple([pool[dice.below(len(pool))] for pool in self.pools])


@dataclass(frozen=True, slots=True)
class Topic:
    """What can be said about one topic in one language."""

    ask: list[Frame]
    say: list[Frame]
    follow: list[Frame]
    answer: list[Frame]


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its topics, its small talk, and the parts of its names and addresses."""

    code: str
    name: str
    joiner: str
    topics: list[Topic]
    programming: int  # index of the topic that gets code
    openers: list[str]
    close: list[str]
    thanks: list[str]
    refuse: str
    greet: list[tuple[str, str]]
    pii: Mapping[str, list[tuple[str, str]]]  # type to what stands before and after the string
    first: list[str]
    last: list[str]
    full_name: str
    street: list[str]
    city: list[str]
    address: str
    phone: list[str]

    def person(self, dice: Dice) -> tuple[str, str]:
        """A full name, and the given name alone."""
        first = dice.pick(self.first)
        return self.full_name.format(first=first, last=dice.pick(self.last)), first

    def home(self, dice: Dice) -> str:
        """A street address."""
        number = str(1 + dice.below(240))
        return self.address.format(n=number, street=dice.pick(self.street), city=dice.pick(self.city))


def _split(text: str) -> list[str]:
    return [piece.strip() for piece in text.split(" | ")]


def _capital(text: str, code: str) -> str:
    return ("İ" if code == "tr" and text[0] == "i" else text[0].upper()) + text[1:]


def _frame(text: str, pools: Mapping[str, list[str]], code: str, capital: bool) -> Frame:
    names = _SLOT.findall(text)
    template = _SLOT.sub("%s", text.replace("%", "%%"))
    chosen = [pools[name] for name in names]
    if capital and text.startswith("{"):
        chosen[0] = [_capital(item, code) for item in chosen[0]]
    return Frame(template, tuple(chosen))


def _topic(raw: Mapping[str, Any], words: Mapping[str, str], dice: Dice) -> Topic:
    code = raw["code"]
    pools = {slot: _split(text) for slot, text in words.items()} | {"n": _SMALL, "m": _LARGE}
    for slot, key in (("a", "adverb"), ("r", "reason")):
        frames = [_frame(text, pools, code, capital=False) for text in _split(raw[key])]
        pools[slot] = sorted({dice.pick(frames).say(dice) for _ in range(_EXPANDED)})
    made = {
        key: [_frame(text, pools, code, capital=key == "answer") for text in _split(raw[key])]
        for key in ("ask", "say", "follow", "answer")
    }
    return Topic(**made)


def _around(text: str) -> list[tuple[str, str]]:
    pairs = []
    for piece in _split(text):
        before, _, after = piece.partition("{x}")
        pairs.append((before, after))
    return pairs


def load_language(path: Path) -> Language:
    """The language of a vocabulary file."""
    raw = tomllib.loads(path.read_text("utf-8"))
    dice = Dice(_SEED)
    return Language(
        code=raw["code"],
        name=raw["name"],
        joiner=raw.get("joiner", " "),
        topics=[_topic(raw, words, dice) for words in raw["topics"].values()],
        programming=list(raw["topics"]).index("programming"),
        openers=_split(raw["openers"]),
        close=_split(raw["close"]),
        thanks=_split(raw["thanks"]),
        refuse=raw["refuse"],
        greet=_around(raw["greet"]),
        pii={kind: _around(text) for kind, text in raw["pii"].items()},
        first=_split(raw["first"]),
        last=_split(raw["last"]),
        full_name=raw.get("full_name", "{first} {last}"),
        street=_split(raw["street"]),
        city=_split(raw["city"]),
        address=raw["address"],
        phone=_split(raw["phone"]),
    )


def load_languages() -> list[Language]:
    """Every language that has a vocabulary, by code."""
    return [load_language(path) for path in sorted(VOCABULARY.glob("*.toml"))]
