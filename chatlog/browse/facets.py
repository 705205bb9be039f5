"""What conversations can be filtered by: one line a facet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from chatlog.models.judgments import NATIVE_SCORE
from chatlog.schema import CATEGORIES

VALUE: Final = 200
"""Characters of a value; what is longer is cut, for the filter as for the eye."""


@dataclass(frozen=True)
class Facet:
    """One facet.

    Attributes:
        name: as the page's address has it.
        title: for people.
        sql: its value over `c` (conversations), `t` (topics, with the label made unique) and `d` (decisions); null and
            the empty text are one value, `missing`.
        needs: the column that a stage must have written; `reason` stands for a release.
        missing: what the page calls a conversation without a value.
        several: whether the value is a list, and a conversation is counted under each.
    """

    name: str
    title: str
    sql: str
    needs: str
    missing: str
    several: bool = False

    @property
    def column(self) -> str:
        """The facet's column in the index."""
        return f"f_{self.name}"


def _categories() -> str:
    one = (
        f"CASE WHEN list_bool_or(list_transform(c.moderation, lambda j: j.categories.\"{name}\")) THEN '{name}' END"
        for name in CATEGORIES
    )
    return f"list_filter([{', '.join(one)}], lambda n: n IS NOT NULL)"


FACETS: Final = (
    Facet("topic", "Topic", "coalesce(t.label, 'unnamed topic ' || c.topic_id)", "topic_id", "no topic"),
    Facet("language", "Language", "c.language", "language", "not told"),
    Facet("model", "Model", "c.model", "model", "not told"),
    Facet(
        "flagged",
        "Moderation",
        "CASE c.moderation_status WHEN 'ok' THEN CASE WHEN c.flagged THEN 'flagged' ELSE 'not flagged' END "
        "WHEN 'error' THEN 'failed' ELSE c.moderation_status END",
        "moderation_status",
        "not judged",
    ),
    Facet("category", "Category", _categories(), "moderation", "none", several=True),
    Facet(
        "duplicate",
        "Duplicates",
        "CASE WHEN c.kept AND c.cluster_size > 1 THEN 'kept, has duplicates' WHEN c.kept THEN 'no duplicate' "
        "ELSE c.duplicate_kind END",
        "kept",
        "not told",
    ),
    Facet("release", "Release", "coalesce(d.reason, 'released')", "reason", "not told"),
    Facet(
        "pii",
        "Personal data",
        'list_distinct(list_transform(list_filter(c.pii, lambda s: s.placeholder IS NOT NULL), lambda s: s."type"))',
        "pii",
        "none replaced",
        several=True,
    ),
    Facet(
        "benchmark",
        "Benchmark items",
        "list_distinct(list_transform(c.contamination, lambda o: o.benchmark))",
        "contamination",
        "none found",
        several=True,
    ),
    Facet("feedback", "Feedback", "c.feedback", "feedback", "none"),
    Facet("source", "Log file", "c.source", "source", "not told"),
)
"""All facets, in the order of the page."""

SAME: Final = {
    "user": "user_key",
    "cluster": "cluster_id",
    "prompt": "prompt_cluster_id",
    "battle": "battle_id",
}
"""Filters that a conversation leads to: others with the same value of a column."""


def facets_of(columns: Collection[str]) -> tuple[Facet, ...]:
    """The facets whose columns are written."""
    return tuple(facet for facet in FACETS if facet.needs in columns)


def own_score(judgment: str) -> str:
    """SQL for the score of a message by its judgment, an expression; null where none was kept."""
    return f"TRY_CAST(regexp_extract({judgment}.native, '{NATIVE_SCORE}', 1) AS DOUBLE)"


def selected(facet: Facet) -> str:
    """The facet's value for the index: cut, and null for an empty one; lists without repeats."""
    if facet.several:
        return (
            f"list_distinct(list_transform(coalesce({facet.sql}, []), "
            f"lambda v: left(v, {VALUE})))::VARCHAR[] AS {facet.column}"
        )
    return f"nullif(left({facet.sql}, {VALUE}), '')::VARCHAR AS {facet.column}"
