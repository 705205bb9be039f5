"""What is left of canaries once a run's own `redact` has gone over the copies they were planted in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from chatlog.canaries.hosts import plain, sample
from chatlog.canaries.planting import Canary, plant
from chatlog.canaries.values import MAKERS, NOT_PLANTED, PERSON, speakers
from chatlog.demo.dice import Dice
from chatlog.engine.measured import keep_canaries, redact_print
from chatlog.engine.run import pipeline_of
from chatlog.engine.shard import Opened, told_without_text
from chatlog.errors import ConfigError
from chatlog.interval import wilson
from chatlog.pii import acted_on, redact_step
from chatlog.pipeline import plan
from chatlog.stage import Stage
from chatlog.text.pii_span import LABELS

_BATCH: Final = 256
"""Copies that are held in memory at once."""

MOST: Final = 100_000
"""Canaries of one measurement at most."""

DIMENSIONS: Final[dict[str, Callable[[Canary], str | None]]] = {
    "type": lambda canary: canary.type,
    "language": lambda canary: canary.language,
    "role": lambda canary: canary.role,
    "placement": lambda canary: canary.placement,
    "form": lambda canary: canary.form,
    "frame": lambda canary: canary.carrier.frame,
    "names": lambda canary: None if canary.listed is None else "in the lists" if canary.listed else "in no list",
}
"""What recall is told by; None leaves a canary out."""


@dataclass(frozen=True)
class Recall:
    """How many of some canaries are gone.

    Attributes:
        value: which ones.
        planted: how many.
        gone: those of which no letter and no digit is left.
        recall: their share.
        low: lower end of its 95 % Wilson interval.
        high: upper end.
    """

    value: str
    planted: int
    gone: int
    recall: float
    low: float
    high: float


@dataclass(frozen=True)
class Leak:
    """Canaries of one kind that were left, wholly or in part.

    Attributes:
        type, form, frame, language, carrier: what they have in common.
        n: how many.
        partly: how many of these are gone in part.
        example: the invented value of one.
    """

    type: str
    form: str
    frame: str
    language: str
    carrier: str
    n: int
    partly: int
    example: str


@dataclass(frozen=True)
class Measurement:
    """Recall on planted canaries.

    Attributes:
        seed: the same seed, number and run give the same measurement.
        conversations: copies were made of so many.
        overall: over all canaries; every type is planted equally often.
        by: the same by each of DIMENSIONS.
        leaks: what was left, the most frequent kinds first.
        kept: types that the run's policy keeps, so that none were planted.
        not_planted: types that no canaries are made of, with the reason.
    """

    seed: int
    conversations: int
    overall: Recall
    by: dict[str, list[Recall]]
    leaks: list[Leak]
    kept: list[str]
    not_planted: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The object of `chatlog pii --json` and, without its leaks, of the run's file."""
        return asdict(self)


def measure(root: str | Path, count: int, seed: int = 0) -> Measurement:
    """Plants `count` canaries in copies of a run's conversations, redacts these, and tells what is left.

    The copies are held in memory. The figures, without a text, are kept in the run folder for its report and card.

    Raises:
        ConfigError: no run, no `redact` in it, a number out of bounds, or a policy that acts on nothing.
        MissingExtra: what `redact` needs is not installed.
        DataError: no conversation to plant in.
    """
    if not 1 <= count <= MOST:
        raise ConfigError(f"canaries should be 1 to {MOST:,}, found {count}")
    run, pipeline = pipeline_of(root)
    redact_step(pipeline)
    step = plan(pipeline, until="redact").steps[-1]
    print_ = redact_print(run)
    if print_ is None:
        raise ConfigError(f"{run.root} is not redacted yet; run its pipeline again first")
    acted = acted_on(step.step.config)
    types = [type_ for type_ in LABELS if type_ in acted and (type_ in MAKERS or type_ == PERSON)]
    if not types:
        raise ConfigError(f"the policy of {run.root} acts on no type that canaries are made of")
    dice = Dice(seed)
    hosts, schema = sample(run, step, count, dice)
    voices = speakers()
    stage = step.step.stage
    assert isinstance(stage, Stage)
    opened = Opened()
    fates: list[tuple[Canary, int]] = []
    try:
        redact = opened.function(stage, step.step.config.model_dump(mode="json"), run.root)
        for start in range(0, count, _BATCH):
            rows, canaries = [], []
            for number in range(start, min(start + _BATCH, count)):
                host = hosts[number % len(hosts)]
                # Every second round of types plants a name that no list holds; the others are drawn as they come.
                unlisted = number // len(types) % 2 == 0
                messages, canary = plant(dice, host, types[number % len(types)], voices, unlisted)
                rows.append({**host.columns, "messages": messages})
                canaries.append(canary)
            with told_without_text(stage.name, 0):
                done = redact(pa.Table.from_pylist(rows, schema=schema)).select(["messages", "pii"]).to_pylist()
            fates += [(canary, left_of(canary, row)) for canary, row in zip(canaries, done, strict=True)]
    finally:
        opened.close()
    made = Measurement(
        seed=seed,
        conversations=min(len(hosts), count),
        overall=_recall("all", fates),
        by={name: list(_by(fates, key)) for name, key in DIMENSIONS.items()},
        leaks=_leaks(fates),
        kept=[type_ for type_ in LABELS if type_ not in acted and type_ not in NOT_PLANTED],
        not_planted={type_: NOT_PLANTED[type_] for type_ in LABELS if type_ in NOT_PLANTED},
    )
    keep_canaries(run, {**made.to_json(), "leaks": None, "redact": print_})
    return made


def left_of(canary: Canary, row: dict[str, Any]) -> int:
    """Letters and digits of a canary that are left in the redacted copy.

    What no span with a placeholder covers is left. Where all is covered, the value must not stand in the
    text either, exactly or in other digits, case and separators: spans that told of more than was done would show.
    """
    covered: dict[int, set[int]] = {}
    for span in row["pii"]:
        if span["placeholder"] is not None:
            covered.setdefault(span["message"], set()).update(range(span["start"], span["end"]))
    left = sum(
        char.isalnum() and at not in covered.get(place.message, ())
        for place, part in zip(canary.places, canary.parts, strict=True)
        for at, char in enumerate(part, start=place.start)
    )
    # The halves of a cut value are too short to be told from what the conversation said before.
    if left == 0 and len(canary.parts) == 1:
        text = row["messages"][canary.places[0].message]["content"]
        if canary.value in text or plain(canary.value) in plain(text):
            left = canary.size
    return left


def _by(fates: Sequence[tuple[Canary, int]], key: Callable[[Canary], str | None]) -> Iterator[Recall]:
    groups: dict[str, list[tuple[Canary, int]]] = {}
    for fate in fates:
        value = key(fate[0])
        if value is not None:
            groups.setdefault(value, []).append(fate)
    for value in sorted(groups, key=lambda value: (-len(groups[value]), value)):
        yield _recall(value, groups[value])


def _recall(value: str, fates: Sequence[tuple[Canary, int]]) -> Recall:
    gone = sum(left == 0 for _, left in fates)
    low, high = wilson(gone, len(fates))
    return Recall(value, len(fates), gone, gone / len(fates), low, high)


def _leaks(fates: Sequence[tuple[Canary, int]]) -> list[Leak]:
    kinds: dict[tuple[str, str, str, str, str], list[tuple[Canary, int]]] = {}
    for canary, left in fates:
        if left:
            kind = (canary.type, canary.form, canary.carrier.frame, canary.language, canary.carrier.id)
            kinds.setdefault(kind, []).append((canary, left))
    return [
        Leak(*kind, len(some), sum(left < canary.size for canary, left in some), some[0][0].value)
        for kind, some in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
