"""Where canaries are put."""

from __future__ import annotations

from typing import Any

import pytest

from chatlog.canaries.forms import SPLIT
from chatlog.canaries.hosts import LONGEST, Host, host_of
from chatlog.canaries.planting import BEGINNING, END, MIDDLE, plant
from chatlog.canaries.values import MAKERS, PERSON, speakers
from chatlog.demo.dice import Dice

TYPES = [PERSON, *MAKERS]
SPEAKERS = speakers()
TEXT = "How do I cut glass? I tried it twice.\nThen it broke!\n```sh\ncut. glass\nrm it\n```\nWhat now?"


def host(texts: list[str], language: str | None = "en") -> Host:
    messages = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": text, "name": None, "created_at": None}
        for number, text in enumerate(texts)
    ]
    made = host_of({"messages": messages, "system": None}, language)
    assert made is not None
    return made


@pytest.mark.parametrize("language", ["en", "zh", "ar", "sw", None])
def test_a_copy_is_the_host_with_one_value_put_between_words(language: str | None) -> None:
    dice = Dice(7)
    placements = set()
    for number in range(400):
        told = host([TEXT, "Score it first. Then snap it.", "thanks"], language)
        before = [turn["content"] for turn in told.messages]
        messages, canary = plant(dice, told, TYPES[number % len(TYPES)], SPEAKERS, number % 2 == 0)
        placements.add(canary.placement)
        assert [turn["content"] for turn in told.messages] == before, "the host itself was changed"
        touched = {place.message for place in canary.places}
        for place, part in zip(canary.places, canary.parts, strict=True):
            assert messages[place.message]["content"][place.start : place.end] == part
            assert messages[place.message]["role"] == canary.role
        for index, turn in enumerate(messages):
            if index not in touched:
                assert turn["content"] == before[index]
                continue
            new, old = turn["content"], before[index]
            cuts = [cut for cut in range(len(old) + 1) if new.startswith(old[:cut]) and new.endswith(old[cut:])]
            assert cuts, "more than an insertion"
            assert any(cut in (0, len(old)) or not (old[cut - 1].isalnum() and old[cut].isalnum()) for cut in cuts)
            assert any(old[:cut].count("```") % 2 == 0 for cut in cuts), "inside of code"
    assert placements == {BEGINNING, MIDDLE, END, SPLIT}


def test_one_message_has_no_two_turns() -> None:
    dice = Dice(8)
    placements = {plant(dice, host(["hello"]), "PHONE_NUMBER", SPEAKERS, False)[1].placement for _ in range(100)}
    assert placements == {BEGINNING, END}


def test_the_first_of_two_turns_is_the_earlier_one() -> None:
    dice = Dice(9)
    cut = [
        canary
        for _ in range(300)
        if len((canary := plant(dice, host(["a", "b", "c", "d"]), "CREDIT_CARD", SPEAKERS, False)[1]).places) == 2
    ]
    assert cut
    for canary in cut:
        first, second = canary.places
        assert second.message == first.message + 2


def test_a_value_that_stands_in_the_host_already_is_drawn_again() -> None:
    speaker = SPEAKERS["zh"]
    taken = {f"{last}{first}" for last in speaker.last[:6] for first in speaker.first}
    told = host(["\n".join(sorted(taken))], "zh")
    dice = Dice(10)
    for _ in range(60):
        _, canary = plant(dice, told, "PERSON", SPEAKERS, False)
        assert canary.value not in taken


def test_a_very_long_conversation_is_cut_between_words() -> None:
    made = host(["word " * 5000, "x" * 100, "tail"])
    texts = [turn["content"] for turn in made.messages]
    assert len(texts[0]) <= LONGEST and texts[0].split() == ["word"] * len(texts[0].split())
    assert sum(map(len, texts)) <= LONGEST + 1


@pytest.mark.parametrize(
    "messages", [None, [], [{"role": "user", "content": None}], [{"role": "tool", "content": "x"}]]
)
def test_a_conversation_without_words_of_people_is_no_host(messages: Any) -> None:
    assert host_of({"messages": messages, "system": "x"}, None) is None
