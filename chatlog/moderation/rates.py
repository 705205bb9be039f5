"""How much of a run is flagged: by category, language, model, role and status, now and under other thresholds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from chatlog.models.judgments import Bools, Rule, any_of
from chatlog.moderation.jailbreaks import Jailbreaks
from chatlog.moderation.reading import JudgedRun, JudgedShard, codes
from chatlog.moderation.tally import Rows, Tally, interval, share
from chatlog.schema import CATEGORIES

_MESSAGES: Final = ("messages", "ok", "error", "skipped", "flagged", "would_flag")
_CONVERSATIONS: Final = ("conversations", "touched")
_CATEGORY: Final = ("told", "flagged", "user", "assistant", "touched", "would_flag")


@dataclass(frozen=True)
class ModerationAccount:
    """Rates over the conversations that `moderate` was given.

    A rate is flagged messages of those that were judged (status ok), with a 95 % Wilson interval; messages whose
    judgment failed or was skipped are neither. A conversation is touched when a message of it is flagged. Where
    other thresholds were asked for, `would_flag` and `would_rate` tell what they make of it.

    Attributes:
        totals: conversations, touched, messages, ok, error, skipped, flagged, rate, low, high, unscored.
        by_category: category, told, flagged, rate, low, high, user, assistant, touched. `told` counts the
            judged messages that the guard could tell the category of; user and assistant are flagged messages.
        by_language: language, conversations, touched, messages, ok, error, skipped, flagged, rate, low, high.
        by_model: the same by model.
        by_role: the same by the message's role, without conversations.
        by_status: status, conversations, messages.
        jailbreaks: attempts and successes by model, see Jailbreaks.
    """

    totals: dict[str, Any]
    by_category: Rows
    by_language: Rows
    by_model: Rows
    by_role: Rows
    by_status: Rows
    jailbreaks: Rows

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog moderation --json` prints."""
        return asdict(self)


def account(judged: JudgedRun, rule: Rule | None = None) -> ModerationAccount:
    """The rates of a run, and what `rule` would make of them; no text is read or told.

    Jailbreaks are counted under `rule` where it is given.

    Raises:
        DataError: a part file is damaged.
    """
    counts = _Counts(rule)
    for shard in judged.read(("model", "language")):
        counts.add(shard)
    return counts.account()


class _Counts:
    def __init__(self, rule: Rule | None) -> None:
        self.rule = rule
        self.whole = Tally(*_CONVERSATIONS, *_MESSAGES, "unscored")
        self.by = {name: Tally(*_CONVERSATIONS, *_MESSAGES) for name in ("language", "model")}
        self.roles = Tally(*_MESSAGES)
        self.categories = Tally(*_CATEGORY)
        self.status = Tally("conversations", "messages")
        self.jailbreaks = Jailbreaks()

    def add(self, shard: JudgedShard) -> None:
        judged = shard.judged
        would, would_categories = (judged.flagged, judged.categories) if self.rule is None else self.rule.decide(judged)
        skipped = ~judged.ok & ~judged.failed
        everything = np.ones(len(judged.row), dtype=bool)
        messages = {
            "messages": everything,
            "ok": judged.ok,
            "error": judged.failed,
            "skipped": skipped,
            "flagged": judged.flagged,
            "would_flag": would,
        }
        conversations = {"conversations": shard.given, "touched": any_of(judged, judged.flagged)}
        self.whole.add_to("", **conversations, **messages, unscored=judged.ok & ~judged.scored)
        for name, tally in self.by.items():
            group, names = codes(shard.columns[name])
            tally.add(group, names, **conversations)
            tally.add(group[judged.row], names, **messages)
        group, names = codes(shard.role)
        self.roles.add(group, names, **messages)
        for name, values in (("ok", judged.ok), ("error", judged.failed), ("skipped", skipped)):
            self.status.add_to(name, messages=values)
        group, names = codes(shard.status)
        self.status.add(group, names, conversations=shard.given)
        self._add_categories(shard, would_categories)
        self.jailbreaks.add(shard, would)

    def _add_categories(self, shard: JudgedShard, would: Bools) -> None:
        judged = shard.judged
        user, assistant = shard.said_by("user"), shard.said_by("assistant")
        for column, name in enumerate(CATEGORIES):
            flagged = judged.categories[:, column]
            self.categories.add_to(
                name,
                told=judged.known[:, column],
                flagged=flagged,
                user=flagged & user,
                assistant=flagged & assistant,
                touched=any_of(judged, flagged),
                would_flag=would[:, column],
            )

    def account(self) -> ModerationAccount:
        (whole,) = self.whole.rows("of", "messages") or [dict.fromkeys(self.whole.measures, 0)]
        whole.pop("of", None)
        return ModerationAccount(
            totals=self._rated(whole, "ok"),
            by_category=[self._rated(row, "told") for row in self.categories.rows("category", "flagged")],
            by_language=[self._rated(row, "ok") for row in self.by["language"].rows("language", "messages")],
            by_model=[self._rated(row, "ok") for row in self.by["model"].rows("model", "messages")],
            by_role=[self._rated(row, "ok") for row in self.roles.rows("role", "messages")],
            by_status=self.status.rows("status", "messages"),
            jailbreaks=self.jailbreaks.rows(),
        )

    def _rated(self, row: dict[str, Any], of: str) -> dict[str, Any]:
        """With the rate after `flagged`; what would be flagged last, where that was asked for."""
        would = row.pop("would_flag")
        flagged, n = row["flagged"], row[of]
        told: dict[str, Any] = {}
        for name, value in row.items():
            told[name] = value
            if name == "flagged":
                told |= {"rate": share(flagged, n), **interval(flagged, n)}
        return told if self.rule is None else told | {"would_flag": would, "would_rate": share(would, n)}
