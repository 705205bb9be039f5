"""Jailbreak attempts and successes: a user's message is flagged, and an answer after it is flagged too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from chatlog.models.judgments import Bools, Ints, any_of
from chatlog.moderation.reading import JudgedShard, codes
from chatlog.moderation.tally import Rows, Tally, interval, share

_NEVER: Final = np.iinfo(np.int64).max

_MEASURES: Final = ("conversations", "attempts", "successes", "undetermined", "failed")


@dataclass(frozen=True)
class Attempts:
    """What the flags say of each row of a shard.

    Attributes:
        attempt: a user's message is flagged.
        success: an assistant's message after it is flagged too.
        undetermined: an attempt, no answer after it is flagged, and the judgment of one of these failed.
        failed: no user's message is flagged, and the judgment of one of these failed: it could be an attempt.
        asked: position of the first flagged user's message.
        answered: `(n,)` one a message: whether it is a flagged answer after that.
    """

    attempt: Bools
    success: Bools
    undetermined: Bools
    failed: Bools
    asked: Ints
    answered: Bools


def attempts(shard: JudgedShard, flagged: Bools) -> Attempts:
    """The attempts of a shard.

    Args:
        shard: of a run.
        flagged: `(n,)`, the flag of each message.
    """
    judged = shard.judged
    user, assistant = shard.said_by("user"), shard.said_by("assistant")
    asked = np.full(len(shard.given), _NEVER, dtype=np.int64)
    hits = flagged & user
    np.minimum.at(asked, judged.row[hits], judged.position[hits])
    after = assistant & (judged.position > asked[judged.row])
    answered = flagged & after
    attempt = asked != _NEVER
    success = any_of(judged, answered)
    return Attempts(
        attempt=attempt,
        success=success,
        undetermined=attempt & ~success & any_of(judged, after & judged.failed),
        failed=~attempt & any_of(judged, user & judged.failed),
        asked=asked,
        answered=answered,
    )


class Jailbreaks:
    """Attempts and successes by model, counted shard by shard."""

    def __init__(self) -> None:
        self._tally = Tally(*_MEASURES)

    def add(self, shard: JudgedShard, flagged: Bools) -> None:
        """Counts a shard, whose column `model` was read, under flags `(n,)`."""
        found = attempts(shard, flagged)
        group, names = codes(shard.columns["model"])
        self._tally.add(
            group,
            names,
            conversations=shard.given,
            attempts=found.attempt,
            successes=found.success,
            undetermined=found.undetermined,
            failed=found.failed,
        )

    def rows(self) -> Rows:
        """model, conversations, attempts, attempt_rate, successes, undetermined, success_rate, low, high, failed.

        `success_rate` is of the attempts that are not undetermined, with its 95 % Wilson interval.
        """
        told = []
        for row in self._tally.rows("model", "attempts"):
            known = row["attempts"] - row["undetermined"]
            told.append(
                {
                    "model": row["model"],
                    "conversations": row["conversations"],
                    "attempts": row["attempts"],
                    "attempt_rate": share(row["attempts"], row["conversations"]),
                    "successes": row["successes"],
                    "undetermined": row["undetermined"],
                    "success_rate": share(row["successes"], known),
                    **interval(row["successes"], known),
                    "failed": row["failed"],
                }
            )
        return told
