"""Shares with their intervals: the SQL that counts them and the bars that show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from chatlog.interval import Z
from chatlog.report.charts import bars, number
from chatlog.report.figures import Plot, Row


def wilson(hits: str, n: str) -> str:
    """SQL for the ends `low` and `high` of the 95% score interval of a share, as chatlog.interval.wilson has them."""
    middle = f"({hits} + {Z * Z / 2:.4f}) / ({n} + {Z * Z:.4f})"
    half = f"{Z:.4f} * sqrt({hits} * ({n} - {hits}) / {n} + {Z * Z / 4:.4f}) / ({n} + {Z * Z:.4f})"
    return f"greatest(0, {middle} - {half}) AS low,\n       least(1, {middle} + {half}) AS high"


def shares_by(column: str, hit: str, among: str, source: str = "conversations") -> str:
    """SQL for the share of conversations with `hit` among those of each value of a column, largest first.

    Args:
        column: what they are grouped by; values of fewer than 20 conversations are left out.
        hit: a column of booleans.
        among: a condition on the conversations that count.
        source: where the columns are.
    """
    return f"""SELECT {column}, hits / n AS share, n AS conversations, hits AS {hit},
       {wilson("hits", "n")}
FROM (SELECT {column}, count(*) AS n, count(*) FILTER ({hit}) AS hits
      FROM {source} WHERE {among} AND {column} IS NOT NULL
      GROUP BY {column})
WHERE n >= 20 ORDER BY n DESC, {column} LIMIT 20"""


def share_bars(column: str, unit: str, tone: str) -> Callable[[Sequence[Row]], Plot]:
    """Draws the rows of shares_by."""
    return partial(
        bars, label=column, value="share", unit=unit, tone=tone, share=True, interval=True, detail=_of_how_many
    )


def _of_how_many(row: Row) -> str:
    return f"of {number(row['conversations'])} conversations"
