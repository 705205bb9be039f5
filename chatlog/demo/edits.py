"""Light edits that turn a copy of a conversation into a near copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chatlog.demo.composing import Chat, Span
from chatlog.demo.dice import Dice

# Each edit takes the text, a place in it and the dice, and tells what to put in place of how many characters.
Edit = Callable[[str, int, Dice], tuple[int, str]]


def _swap(text: str, place: int, _: Dice) -> tuple[int, str]:
    return 2, text[place : place + 2][::-1]


def _drop(_: str, __: int, ___: Dice) -> tuple[int, str]:
    return 1, ""


def _double(text: str, place: int, _: Dice) -> tuple[int, str]:
    return 1, text[place] * 2


def _case(text: str, place: int, _: Dice) -> tuple[int, str]:
    char = text[place]
    return 1, char.swapcase() if len(char.swapcase()) == 1 else char


def _punctuate(text: str, place: int, dice: Dice) -> tuple[int, str]:
    return (1, dice.pick((",", " -", ";"))) if text[place] in ".,!?" else (0, dice.pick((",", " ", "...")))


def _words(text: str, place: int, _: Dice) -> tuple[int, str]:
    """Swap the two words that follow the next space."""
    start = text.find(" ", place) + 1
    pair = text[start : start + 40].split(" ")[:2]
    if start != place + 1 or len(pair) < 2:
        return 1, text[place]
    return 1 + len(pair[0]) + 1 + len(pair[1]), f" {pair[1]} {pair[0]}"


_EDITS: Final[tuple[Edit, ...]] = (_swap, _drop, _double, _case, _punctuate, _words)


def _replaced(chat: Chat, message: int, place: int, length: int, text: str) -> bool:
    """Make one replacement and move the spans behind it; False when it would touch personal data."""
    end = place + length
    for span in chat.spans:
        if span.message == message and place <= span.end and end >= span.start:
            return False
    old = chat.messages[message]
    chat.messages[message] = old[:place] + text + old[end:]
    shift = len(text) - length
    if shift:
        chat.spans = [
            Span(span.message, span.start + shift, span.end + shift, span.type, span.text)
            if span.message == message and span.start >= end
            else span
            for span in chat.spans
        ]
    return True


def near_copy(dice: Dice, original: Chat) -> Chat:
    """A copy with one to five light edits, most of them in the first message; never equal to the original."""
    chat = replace(original, messages=list(original.messages), spans=list(original.spans))
    wanted, made = 1 + dice.below(5), 0
    if dice.chance(0.3) and _replaced(chat, 0, 0, 0, dice.pick(chat.language.openers) + chat.language.joiner):
        made += 1
    for _ in range(40):
        if made >= wanted:
            break
        message = 0 if dice.chance(0.6) else dice.below(len(chat.messages))
        text = chat.messages[message]
        if not text:
            continue
        place = dice.below(len(text))
        length, new = _EDITS[dice.below(len(_EDITS))](text, place, dice)
        if text[place : place + length] != new and _replaced(chat, message, place, length, new):
            made += 1
    if chat.messages == original.messages:
        chat.messages[-1] += " ."
    return chat
