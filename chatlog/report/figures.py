"""Figures and what answers them: a question, the SQL that answers it, and how the answer is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

Row = Mapping[str, Any]
Plot = dict[str, Any]
"""A plotly figure: `data`, `layout`, and `tone`, the colour that the style sheet gives its one series."""


@dataclass(frozen=True)
class Figure:
    """A question to the run.

    Attributes:
        name: of its anchor, unique in the report.
        title: what is seen, in a few words.
        sql: one query over the run's views; its rows are also shown as a table.
        draw: turns the rows into a plot; None shows the table alone.
        note: how to read it.
        open_table: whether the table is unfolded.
    """

    name: str
    title: str
    sql: str
    draw: Callable[[Sequence[Row]], Plot] | None = None
    note: str = ""
    open_table: bool = False


@dataclass(frozen=True)
class Section:
    """Figures about one subject."""

    name: str
    title: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Answer:
    """A figure with its rows."""

    figure: Figure
    columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)

    @property
    def plot(self) -> Plot | None:
        """What plotly draws."""
        return self.figure.draw(self.rows) if self.figure.draw else None


def ask(connection: duckdb.DuckDBPyConnection, figure: Figure) -> Answer | None:
    """The figure's rows; None where the run has nothing to say on it.

    A run without a stage lacks the stage's columns, or has nulls in them, by how it was opened.
    """
    try:
        cursor = connection.execute(figure.sql)
    except (duckdb.BinderException, duckdb.CatalogException):
        return None
    columns = tuple(column[0] for column in cursor.description or ())
    rows = tuple(dict(zip(columns, row, strict=True)) for row in cursor.fetchall())
    return Answer(figure, columns, rows) if rows else None
