"""Figures about moderation: what was flagged, by category, model, topic and language, and under other thresholds."""

from __future__ import annotations

from typing import Final

from chatlog.report.charts import bars
from chatlog.report.figures import Figure, Section
from chatlog.report.named import NAMED
from chatlog.report.shares import share_bars, shares_by
from chatlog.schema import CATEGORIES

SCORED_ROWS: Final = 100_000
"""Conversations whose scores the page holds for its sliders; of more, those of the lowest hash are taken."""


JUDGED: Final = """judged AS (
  SELECT row_id, j FROM (SELECT row_id, unnest(moderation) AS j FROM conversations WHERE moderation IS NOT NULL)
  WHERE j.status = 'ok'
)"""
"""A common table expression: one row a judged message with its judgment `j`."""


def _category_counts() -> str:
    counts = ",\n         ".join(f'count(*) FILTER (j.categories."{name}") AS "{name}"' for name in CATEGORIES)
    return f"""WITH {JUDGED}
SELECT category, messages, messages / (SELECT count(*) FROM judged) AS share
FROM (UNPIVOT (
  SELECT {counts}
  FROM judged
) ON COLUMNS(*) INTO NAME category VALUE messages)
WHERE (SELECT count(*) FROM judged) > 0
ORDER BY messages DESC, category"""


def _flagged_by(column: str) -> Figure:
    names, source = "", "conversations"
    if column == "topic":
        names, source = f"WITH {NAMED}\n", "conversations JOIN named USING (topic_id)"
    return Figure(
        name=f"flagged-{column}",
        title=f"Share of flagged conversations, by {column}",
        note=f"Each {column} of 20 judged conversations and more; whiskers are 95% intervals.",
        sql=names + shares_by(column, "flagged", "moderation_status = 'ok'", source),
        draw=share_bars(column, "of judged conversations", "loss"),
    )


def _bounds() -> str:
    parts = "\nUNION ALL ".join(
        f"SELECT '{name}' AS category,\n"
        f'       min(j.category_scores."{name}") FILTER (j.categories."{name}") AS lowest_flagged,\n'
        f'       max(j.category_scores."{name}") FILTER (NOT j.categories."{name}") AS highest_unflagged,\n'
        f'       count(*) FILTER (j.categories."{name}") AS flagged, count(j.category_scores."{name}") AS scored\n'
        "FROM judged"
        for name in CATEGORIES
    )
    return f"""WITH {JUDGED}
SELECT * FROM ({parts})
WHERE scored > 0"""


BOUNDS: Final = Figure(
    name="thresholds",
    title="Where the run drew the line",
    note="The lowest score of a message that is in a category, and the highest of one that is not.",
    sql=_bounds(),
)


def _scored() -> str:
    highest = ",\n         ".join(f'max(j.category_scores."{name}") AS "{name}"' for name in CATEGORIES)
    return f"""scored AS (
  -- The highest score among a conversation's messages, by category; a fixed sample of very many.
  SELECT row_id, coalesce(any_value(model), 'unknown') AS model, coalesce(any_value(language), 'unknown') AS language,
         any_value(topic_id) AS topic_id, any_value(flagged) AS flagged,
         {highest}
  FROM (SELECT row_id, model, language, topic_id, flagged, unnest(moderation) AS j
        FROM (SELECT * FROM conversations WHERE moderation IS NOT NULL
              ORDER BY hash(row_id), row_id LIMIT {SCORED_ROWS}))
  WHERE j.status = 'ok' GROUP BY row_id
)"""


SCORED: Final = _scored()
"""A common table expression: one row a judged conversation with its highest score by category."""

SCORES: Final = f"WITH {SCORED}\nFROM scored ORDER BY row_id"
"""What the sliders count over."""

CONDITION: Final = "$flagged"
"""Stands in UNDER for what makes a conversation flagged under the thresholds of the sliders."""

COUNTS: Final = "$counts"
"""Stands in UNDER for the counts by category."""


_COUNTED: Final = f"""count(*) AS judged, count(*) FILTER (flagged) AS as_run,
       count(*) FILTER ({CONDITION}) AS flagged"""

UNDER: Final = {
    "category": f"""WITH {SCORED}
SELECT category, conversations
FROM (UNPIVOT (
  SELECT {COUNTS}
  FROM scored
) ON COLUMNS(*) INTO NAME category VALUE conversations)""",
    "topic": f"""WITH {SCORED},
{NAMED}
SELECT coalesce(topic, 'none') AS topic, {_COUNTED}
FROM scored LEFT JOIN named USING (topic_id) GROUP BY topic_id, topic ORDER BY judged DESC, topic_id""",
} | {
    name: f"""WITH {SCORED}
SELECT {name}, {_COUNTED}
FROM scored GROUP BY {name} ORDER BY judged DESC, {name}"""
    for name in ("model", "language")
}
"""The queries that the sliders show, by what they tell; CONDITION and COUNTS stand in them for thresholds."""

MODERATION: Final = Section(
    "moderation",
    "Moderation",
    (
        Figure(
            name="categories",
            title="Flagged messages by category",
            note="A message may be in several. The share is of the messages that were judged.",
            sql=_category_counts(),
            draw=lambda rows: bars(rows, "category", "messages", unit="messages", tone="loss"),
        ),
        _flagged_by("model"),
        _flagged_by("topic"),
        _flagged_by("language"),
        BOUNDS,
        Figure(
            name="moderation-status",
            title="Judgments that were made, failed or skipped",
            note="A failed judgment is never told as “not flagged”.",
            sql="""SELECT moderation_status AS status, count(*) AS conversations
FROM conversations WHERE moderation_status IS NOT NULL
GROUP BY status ORDER BY conversations DESC, status""",
            open_table=True,
        ),
    ),
)
