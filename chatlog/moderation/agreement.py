"""How far two guards agree on the same conversations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from chatlog.engine.store import read_columns
from chatlog.errors import DataError
from chatlog.models.judgments import Bools, Ints
from chatlog.moderation.reading import JudgedRun, JudgedShard, codes
from chatlog.moderation.tally import Rows, Tally, share
from chatlog.pipeline import INGEST
from chatlog.schema import CATEGORIES

_COUNTS: Final = ("both", "this_only", "other_only", "neither")
_LEFT_OUT: Final = ("this_failed", "other_failed", "both_failed", "skipped", "not_given")


@dataclass(frozen=True)
class Agreement:
    """Two runs' judgments of the same messages.

    Attributes:
        totals: messages, compared, both, this_only, other_only, neither, agreement, kappa; and what was not
            compared: this_failed, other_failed, both_failed, skipped, not_given. Compared are messages that
            both runs judged; not_given counts messages of conversations that one run's `where` left out.
        by_role: role, then the same.
        by_category: category, compared, both, this_only, other_only, neither, agreement, kappa, over the
            messages of which both guards could tell the category.
    """

    totals: dict[str, Any]
    by_role: Rows
    by_category: Rows

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog moderation --against --json` prints."""
        return asdict(self)


def agreement(this: JudgedRun, other: JudgedRun) -> Agreement:
    """How far the flags of two runs agree, message by message.

    Raises:
        DataError: the runs do not hold the same conversations, or a part file is damaged.
    """
    whole, roles = Tally("messages", *_COUNTS, *_LEFT_OUT), Tally("messages", *_COUNTS, *_LEFT_OUT)
    categories = Tally(*_COUNTS)
    for one, two in zip_longest(this.read(), other.read()):
        if one is None or two is None or one.number != two.number:
            raise _differ(this, other, "they have other shards that are moderated")
        _same_rows(this, other, one.number)
        left, right = _paired(this, other, one, two)
        group, names = codes(one.role.take(left))
        judged, against = one.judged, two.judged
        compared = judged.ok[left] & against.ok[right]
        failed, failed_too = judged.failed[left], against.failed[right]
        measures = {
            "messages": np.ones(len(left), dtype=bool),
            **_table(judged.flagged[left], against.flagged[right], compared),
            "this_failed": failed & ~failed_too,
            "other_failed": failed_too & ~failed,
            "both_failed": failed & failed_too,
            "skipped": ~compared & ~failed & ~failed_too,
        }
        roles.add(group, names, **measures)
        whole.add_to("", **measures)
        for mine, theirs in ((one, two), (two, one)):
            alone = (mine.given & ~theirs.given)[mine.judged.row]
            group, names = codes(mine.role)
            roles.add(group, names, messages=alone, not_given=alone)
            whole.add_to("", messages=alone, not_given=alone)
        for column, name in enumerate(CATEGORIES):
            known = judged.known[left, column] & against.known[right, column]
            table = _table(judged.categories[left, column], against.categories[right, column], known)
            categories.add_to(name, **table)
    rows = whole.rows("of", "messages") or [dict.fromkeys(("of", *whole.measures), 0)]
    totals = _told(rows[0])
    totals.pop("of")
    told = {row["category"]: _told(row) for row in categories.rows("category", "both")}
    return Agreement(
        totals=totals,
        by_role=[_told(row) for row in roles.rows("role", "messages")],
        by_category=[told[name] for name in CATEGORIES if name in told],
    )


def kappa(both: int, this_only: int, other_only: int, neither: int) -> float | None:
    """Cohen's kappa of a 2 x 2 table (J. Cohen, 1960); None where chance alone agrees always, or of nothing."""
    n = both + this_only + other_only + neither
    if not n:
        return None
    this, other = (both + this_only) / n, (both + other_only) / n
    chance = this * other + (1 - this) * (1 - other)
    return None if chance == 1 else ((both + neither) / n - chance) / (1 - chance)


def _table(this: Bools, other: Bools, among: Bools) -> dict[str, Bools]:
    return {
        "both": this & other & among,
        "this_only": this & ~other & among,
        "other_only": ~this & other & among,
        "neither": ~this & ~other & among,
    }


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """A row with `compared`, `agreement` and `kappa` beside its 2 x 2 table."""
    counts = {name: row[name] for name in _COUNTS}
    compared = sum(counts.values())
    figures = {"agreement": share(counts["both"] + counts["neither"], compared), "kappa": kappa(**counts)}
    before = {name: value for name, value in row.items() if name not in (*_COUNTS, *_LEFT_OUT)}
    after = {name: value for name, value in row.items() if name in _LEFT_OUT}
    return before | {"compared": compared} | counts | figures | after


def _paired(this: JudgedRun, other: JudgedRun, one: JudgedShard, two: JudgedShard) -> tuple[Ints, Ints]:
    """The places of the messages whose rows both runs judged, in order."""
    shared = one.given & two.given
    left = np.flatnonzero(shared[one.judged.row])
    right = np.flatnonzero(shared[two.judged.row])
    # The rows are the same: so is each row's number of messages, or the logs were others under the same ids.
    if not (
        np.array_equal(one.judged.row[left], two.judged.row[right]) and one.role.take(left).equals(two.role.take(right))
    ):
        raise _differ(this, other, f"conversations of shard {one.number} have other messages")
    return left, right


def _same_rows(this: JudgedRun, other: JudgedRun, shard: int) -> None:
    columns = {"conversation_id": INGEST}
    if not read_columns(this.run, shard, columns).equals(read_columns(other.run, shard, columns)):
        raise _differ(this, other, f"shard {shard} has other conversations")


def _differ(this: JudgedRun, other: JudgedRun, why: str) -> DataError:
    return DataError(
        f"{this.run.root} and {other.run.root} do not hold the same conversations: {why}. Run both on the same logs, "
        "with the same [ingest] and the same user key"
    )
