"""A `moderation` column as arrays, and what other thresholds make of its scores: no model runs, no loop over rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chatlog.models.calibration import Calibration
from chatlog.schema import CATEGORIES, JUDGMENT, MODERATION

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NATIVE_SCORE: Final = r'^\{"score":(?P<score>-?[0-9][-+.0-9eE]*)[,}]'
"""How `native` begins (chatlog.models.guards.Thresholds.decide writes it): the message's own score first."""

DEFAULT_THRESHOLD: Final = 0.5
"""What `moderate` takes where neither a setting nor training chose one."""


@dataclass(frozen=True)
class Judgments:
    """The judgments of a `moderation` column, one entry a message, in order.

    Attributes:
        column: the column that they are of.
        values: its elements, flat.
        row: the place of the message's row in the column.
        position: the place of the message in its row.
        ok, failed: whether the status is ok, or error; neither for skipped ones.
        flagged: what was decided; False too where nothing was.
        score: the probability that the message breaks the policy; NaN where none was kept.
        categories: `(n, 11)`, what was decided, in the order of CATEGORIES; False too where nothing was.
        category_scores: `(n, 11)`, NaN where the guard cannot tell.
    """

    column: pa.ListArray
    values: pa.StructArray
    row: Ints
    position: Ints
    ok: Bools
    failed: Bools
    flagged: Bools
    score: Floats
    categories: Bools
    category_scores: Floats

    @property
    def scored(self) -> Bools:
        """Whether the message was judged and its score kept."""
        return self.ok & ~np.isnan(self.score)

    @property
    def known(self) -> Bools:
        """`(n, 11)`: whether the guard could tell the category."""
        return ~np.isnan(self.category_scores) & self.ok[:, None]


def flat(column: pa.ChunkedArray | pa.Array) -> Judgments:
    """The judgments of a `moderation` column; a null row has none."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.list_flatten(array)
    row = np.repeat(np.arange(len(array), dtype=np.int64), lengths)
    starts = np.cumsum(lengths) - lengths
    status = pc.struct_field(values, "status")
    flags, scores = pc.struct_field(values, "categories"), pc.struct_field(values, "category_scores")
    told = pc.extract_regex(pc.struct_field(values, "native"), NATIVE_SCORE)
    return Judgments(
        column=array,
        values=values,
        row=row,
        position=np.arange(len(values), dtype=np.int64) - starts[row],
        ok=_bools(pc.equal(status, "ok")),
        failed=_bools(pc.equal(status, "error")),
        flagged=_bools(pc.struct_field(values, "flagged")),
        score=_floats(pc.struct_field(told, "score").cast(pa.float64())),
        categories=np.column_stack([_bools(pc.struct_field(flags, name)) for name in CATEGORIES]),
        category_scores=np.column_stack([_floats(pc.struct_field(scores, name)) for name in CATEGORIES]),
    )


@dataclass(frozen=True)
class Rule:
    """Thresholds for scores that are there; the same words as in chatlog.models.guards.Thresholds.

    Attributes:
        threshold: probability from which a message is flagged; None takes what training chose for the
            messages that `moderator` judged, and 0.5 for others or where there is a calibration.
        thresholds: by category: such a category flags the message whatever the message's own score is.
        moderator: the name of a `cpu` moderator, as `native` tells it; empty for none.
        learnt: its thresholds, from training: `flagged` and categories.
        calibration: what makes probabilities of the messages' scores; scores of categories stay as they are.
    """

    threshold: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    moderator: str = ""
    learnt: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None

    def decide(self, judged: Judgments) -> tuple[Bools, Bools]:
        """Flags `(n,)` and categories `(n, 11)` under these thresholds; False where a message was not judged.

        A judgment whose score was not kept stays as it is, but for the categories of `thresholds`.
        """
        score = judged.score if self.calibration is None else self.calibration.apply(judged.score)
        own = self._by_moderator(judged)
        lowest = np.full(len(score), DEFAULT_THRESHOLD if self.threshold is None else self.threshold)
        if self.threshold is None and self.calibration is None:
            lowest[own] = self.learnt.get("flagged", DEFAULT_THRESHOLD)
        unscored = np.isnan(score)
        over = np.where(unscored, judged.flagged, score >= lowest)
        categories = np.empty_like(judged.categories)
        flagged = over.copy()
        for column, name in enumerate(CATEGORIES):
            value = judged.category_scores[:, column]
            if name in self.thresholds:
                categories[:, column] = value >= self.thresholds[name]
                flagged |= categories[:, column]
            else:
                bound = np.where(own, self.learnt.get(name, lowest), lowest)
                categories[:, column] = np.where(unscored, judged.categories[:, column], over & (value >= bound))
        return flagged & judged.ok, categories & judged.known

    def _by_moderator(self, judged: Judgments) -> Bools:
        if not self.moderator or not self.learnt:
            return np.zeros(len(judged.row), dtype=bool)
        name = re.escape(Path(self.moderator).name)
        found = pc.match_substring_regex(
            pc.struct_field(judged.values, "native"), rf'^\{{"score":[^,]*,"model":"{name}"[,}}]'
        )
        return _bools(found)


def redecided(judged: Judgments, flagged: Bools, categories: Bools) -> pa.ListArray:
    """The `moderation` column with other decisions; what is not ok stays null, scores and `native` stay."""
    known = judged.known
    flags = pa.StructArray.from_arrays(
        [pa.array(categories[:, column], mask=~known[:, column]) for column in range(len(CATEGORIES))],
        fields=list(JUDGMENT.field("categories").type),
        mask=pc.is_null(pc.struct_field(judged.values, "categories")),
    )
    changed = {"categories": flags, "flagged": pa.array(flagged, mask=~judged.ok)}
    values = pa.StructArray.from_arrays(
        [
            changed[each.name] if each.name in changed else pc.struct_field(judged.values, each.name)
            for each in JUDGMENT
        ],
        fields=list(JUDGMENT),
        mask=pc.is_null(judged.values),
    )
    lengths = np.bincount(judged.row, minlength=len(judged.column))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    made = pa.ListArray.from_arrays(offsets, values, mask=pc.is_null(judged.column))
    return made.cast(MODERATION)


def any_of(judged: Judgments, messages: Bools) -> Bools:
    """For each row of the column, whether one of its messages is among `messages`."""
    found = np.zeros(len(judged.column), dtype=bool)
    found[judged.row[messages]] = True
    return found


def _bools(values: pa.Array) -> Bools:
    found: Bools = pc.fill_null(values, False).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _floats(values: pa.Array) -> Floats:
    found: Floats = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return found
