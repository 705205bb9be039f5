"""What an engine tells of its progress; a command turns it into bars or lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StepStarted:
    """A step begins: so many shards in all, of which some are done already."""

    stage: str
    shards: int
    done: int


@dataclass(frozen=True)
class ShardDone:
    """A unit is finished."""

    stage: str
    shard: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class StepDone:
    """A step is finished."""

    stage: str
    shards: int
    rows: int
    seconds: float


Event = StepStarted | ShardDone | StepDone
Listener = Callable[[Event], None]


def silent(_: Event) -> None:
    """Listens to nothing."""
