"""Decides what is generated: shares, lengths, languages, and which conversations are copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chatlog.demo.composing import Chat, Plan
from chatlog.demo.dice import Dice
from chatlog.demo.edits import near_copy
from chatlog.demo.grammar import Language
from chatlog.demo.synthetic_formats import Copy
from chatlog.errors import ConfigError

_LANGUAGE_WEIGHTS: Final = {"en": 40, "zh": 9, "ru": 8, "de": 7, "es": 7, "fr": 6, "pt": 5, "ja": 4, "it": 4}
_BLOCK: Final = 2048  # conversations planned at once
_KEPT: Final = 512  # conversations to copy from


@dataclass(frozen=True)
class Mix:
    """How much of what is generated.

    Attributes:
        duplicates: share of conversations that copy an earlier one, half exactly and half with light edits.
        templated: share of new conversations that open with an often sent prompt.
        pii: share of new conversations with personal data.
        broken: broken records for each good one.
        battles: share of FastChat conversations that are battles.
        regenerated: share of FastChat conversations whose last answer was asked for twice.
        failed: share of FastChat conversations that end with an error notice or without an answer.
    """

    duplicates: float = 0.2
    templated: float = 0.08
    pii: float = 0.15
    broken: float = 0.002
    battles: float = 0.06
    regenerated: float = 0.06
    failed: float = 0.03

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ConfigError(f"generated logs: {name} is {value}; expected a share from 0 to 1")


class Plans:
    """Draws the plans of conversations by the block."""

    def __init__(self, dice: Dice, languages: Sequence[Language], mix: Mix) -> None:
        weights = np.array([_LANGUAGE_WEIGHTS.get(language.code, 2) for language in languages], dtype=float)
        self._weights = weights / weights.sum()
        self._topics = len(languages[0].topics)
        self._rng, self._mix = dice.rng, mix

    def __iter__(self) -> Iterator[Plan]:
        """Plans without end."""
        rng = self._rng
        while True:
            language = rng.choice(len(self._weights), size=_BLOCK, p=self._weights).tolist()
            topic = rng.integers(0, self._topics, size=_BLOCK).tolist()
            # One to eight turns, most of them one: LMSYS-Chat-1M has two on average (arXiv 2309.11998, table 1).
            turns = np.minimum(rng.geometric(0.5, size=_BLOCK), 8)
            total = int(turns.sum())
            asks = np.clip(np.rint(rng.lognormal(0.2, 0.7, size=total)), 1, 30).astype(int).tolist()
            answers = np.clip(np.rint(rng.lognormal(1.4, 0.7, size=total)), 1, 60).astype(int).tolist()
            planted = np.minimum(rng.geometric(0.6, size=_BLOCK), 6)
            planted = np.where(rng.random(_BLOCK) < self._mix.pii, planted, 0).tolist()
            start = 0
            for index, count in enumerate(turns.tolist()):
                end = start + count
                yield Plan(language[index], topic[index], asks[start:end], answers[start:end], planted[index])
                start = end


class Kept:
    """Conversations to copy from; the first are copied most and stay longest, so that groups are heavy-tailed."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._chats: list[tuple[Chat, str]] = []

    def keep(self, chat: Chat, conversation_id: str) -> None:
        """Remember a conversation, in place of a recent one when there is no room."""
        if len(self._chats) < _KEPT:
            self._chats.append((chat, conversation_id))
        else:
            place = max(self._dice.below(_KEPT), self._dice.below(_KEPT), self._dice.below(_KEPT))
            self._chats[place] = (chat, conversation_id)

    def draw(self) -> tuple[Chat, Copy] | None:
        """A copy of a kept conversation, or None while there is none."""
        if not self._chats:
            return None
        chat, group = self._chats[int(len(self._chats) ** self._dice.share()) - 1]
        if self._dice.chance(0.5):
            return chat, Copy(group, "exact")
        return near_copy(self._dice, chat), Copy(group, "near")
