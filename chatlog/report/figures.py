"""Figures and what answers them: a question, the SQL that answers it, and how the answer is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import duckdb

from chatlog.models import topic_evidence

Row = Mapping[str, Any]
Plot = dict[str, Any]
"""A plotly figure: `data`, `layout`, and `tone`, the colour that the style sheet gives its one series."""

MIN_USERS: Final = topic_evidence.MIN_USERS
"""Users below whom a topic or a cluster of duplicates shows no name and no text."""

_MIN_USERS: Final = "$min_users"
"""Stands for the number of users in the SQL of figures."""


@dataclass(frozen=True)
class Figure:
    """A question to the run.

    Attributes:
        name: of its anchor, unique in the report.
        title: what is seen, in a few words.
        sql: one query over the run's views; its rows are also shown as a table. `$min_users` in it is
            replaced by the number before it is run and shown.
        draw: turns the rows into a plot; None shows the table alone.
        note: how to read it.
        open_table: whether the table is unfolded.
    """

    name: str
    title: str
    sql: str
    draw: Callable[[Sequence[Row]], Plot | None] | None = None
    note: str = ""
    open_table: bool = False


@dataclass(frozen=True)
class Section:
    """Figures about one subject."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """A figure with its rows, and the SQL that was run for them."""

    figure: Figure
    sql: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)

    @property
    def numeric(self) -> frozenset[str]:
        """Columns of numbers, which stand at the right of their column."""
        return frozenset(name for name in self.columns if any(_is_number(row[name]) for row in self.rows))

    @property
    def plot(self) -> Plot | None:
        """What plotly draws."""
        return self.figure.draw(self.rows) if self.figure.draw else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def ask(connection: duckdb.DuckDBPyConnection, figure: Figure, min_users: int = MIN_USERS) -> Answer | None:
    """The figure's rows; None where the run has nothing to say on it.

    A run without a stage lacks the stage's columns, or has nulls in them, by how it was opened.
    """
    sql = with_users(figure.sql, min_users)
    found = rows_or_none(connection, sql)
    if found is None:
        return None
    columns, rows = found
    return Answer(figure, sql, columns, rows) if rows else None


def with_users(sql: str, min_users: int) -> str:
    """The query with the number of users in it."""
    return sql.replace(_MIN_USERS, str(int(min_users)))


def rows_or_none(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]] | None:
    """Columns and rows of a query; None where the run has no such view or column."""
    try:
        cursor = connection.execute(sql)
    except (duckdb.BinderException, duckdb.CatalogException):
        return None
    columns = tuple(column[0] for column in cursor.description or ())
    return columns, tuple(dict(zip(columns, row, strict=True)) for row in cursor.fetchall())
