"""Shares with their intervals, in SQL and in words."""

from __future__ import annotations

from chatlog.report.charts import number
from chatlog.report.figures import Row


def wilson(hits: str, n: str) -> str:
    """SQL for the ends `low` and `high` of the 95% score interval of a share (Wilson, 1927)."""
    z = 1.96
    middle = f"({hits} + {z * z / 2:.4f}) / ({n} + {z * z:.4f})"
    half = f"{z} * sqrt({hits} * ({n} - {hits}) / {n} + {z * z / 4:.4f}) / ({n} + {z * z:.4f})"
    return f"greatest(0, {middle} - {half}) AS low,\n       least(1, {middle} + {half}) AS high"


def of_how_many(row: Row) -> str:
    """What a share is of."""
    return f"of {number(row['conversations'])} conversations"
