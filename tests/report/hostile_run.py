"""A run over logs that attack the page that tells of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatlog.engine.run import run
from tests.browser import hostile
from tests.conftest import recipe, write_jsonl

ATTACKS = (
    *hostile.ATTACKS,
    "{{ 7 * 7 }} {% for x in y %} <%= 7 %>",
    "%{customdata} <b>bold</b> <extra></extra> $counts $flagged $min_users $& $1",
    "'); DROP TABLE conversations; -- \" ' `",
)
"""What stands in every text of the run: names of models, of users, questions, answers."""

STAGES: tuple[dict[str, Any], ...] = (
    *({"use": stage} for stage in ("fingerprint", "dedup", "redact", "language", "embed")),
    {"use": "topics", "k": 4},
    {"use": "moderate"},
)


def hostile_run(folder: Path) -> Path:
    """The run folder: questions of many users, one message of a megabyte, a file name that is markup, a reject."""
    records: list[Any] = []
    for number in range(110):
        attack = ATTACKS[number % len(ATTACKS)]
        subject = ("bread in an oven", "a function in python", "a train to Lisbon")[number % 3]
        # Words of its own, so that it is no duplicate of the others; the last twenty are duplicates of one another.
        own = " ".join(f"word{number * 7919 % 9973 + place * 31}" for place in range(40)) if number < 90 else ""
        words = f"{attack if own else ATTACKS[0]} How do I make {subject if own else 'tea'}, please? {own}"
        if number == 7:
            words = attack * (1_000_000 // len(attack))
        talk = [{"role": "user", "content": words}, {"role": "assistant", "content": f"{attack} Like this. {own}"}]
        told = {"id": f"{attack}{number}", "model": f"{attack} model", "user": f"{attack} {number}", "messages": talk}
        records.append(told | {"created": 1_700_000_000 + 86_400 * number})
    records.append({"messages": ATTACKS[0]})
    file = write_jsonl(folder / "<img src=x onerror=window.stolen=10>.jsonl", records)
    pipeline = recipe([file], STAGES)
    run(pipeline, folder / "run", workers=1)
    return folder / "run"
