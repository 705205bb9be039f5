"""The conversations of a run in narrow columns, in memory, and what a page asks of them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import duckdb
import pyarrow as pa

from chatlog.browse.facets import SAME, Facet, facets_of, own_score, selected
from chatlog.browse.matching import Ints
from chatlog.errors import ConfigError, DataError
from chatlog.query import dicts, first_line

PAGE: Final = 40
"""Conversations of a page."""

VALUES: Final = 200
"""Values of a facet that are told, the most frequent ones."""

SECONDS: Final = 20.0
"""How long one query may take."""

AT_ONCE: Final = 4
"""Queries that run at the same time; others wait."""

SORTS: Final = {
    "log": "row_id",
    "newest": "created_at DESC NULLS LAST, row_id",
    "oldest": "created_at NULLS LAST, row_id",
    "longest": "messages DESC NULLS LAST, row_id",
    "score": "score DESC NULLS LAST, row_id",
}
"""Orders of the list; `log` is that of the run."""


@dataclass(frozen=True)
class Filter:
    """What a page asks for, but for the text.

    Attributes:
        chosen: values of facets, by name; a conversation has one of each facet's. Empty stands for no value.
        same: values of SAME's columns, by name.
        since, until: days, both included.
        sort: one of SORTS.
        page: from 0.
    """

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None
    sort: str = "log"
    page: int = 0


class Index:
    """The index of a run; made once, when the server starts.

    Args:
        connection: of chatlog.query.connect, with a view `shown` (row_id, system, messages) of the texts to show.
        columns: those that the stages wrote, and `reason` where there is a release.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, columns: Collection[str]) -> None:
        self._connection = connection
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        possible = facets_of(columns)
        with _told():
            connection.execute(_table(possible))
            self.rows = int(_one(connection, "SELECT count(*) FROM items"))
            told = {facet: _one(connection, f"SELECT count(*) FROM items WHERE {_has(facet)}") for facet in possible}
            self.facets = tuple(facet for facet, count in told.items() if count)
            self.dated = bool(_one(connection, "SELECT count(created_at) FROM items"))
            self.scored = bool(_one(connection, "SELECT count(score) FROM items"))
            self.without_text = int(_one(connection, "SELECT count(*) FROM items WHERE messages IS NULL"))

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for one request, which is ended after SECONDS.

        Raises:
            DataError: a query took too long, or failed: a part file is damaged or was replaced.
        """
        with self._turns, _told(), self._connection.cursor() as cursor:
            timer = threading.Timer(SECONDS, cursor.interrupt)
            timer.start()
            try:
                yield cursor
            finally:
                timer.cancel()

    def page(self, asked: Filter, found: Ints | None) -> dict[str, Any]:
        """A page of conversations: total, items, and the facets with counts.

        Args:
            asked: filters, order and page.
            found: row_ids that a text search found; None without one.

        Raises:
            ConfigError: an unknown order or facet, or a value that is none.
        """
        if asked.sort not in SORTS:
            raise ConfigError(f"unknown order {asked.sort!r}; there are {', '.join(SORTS)}")
        with self.cursor() as cursor:
            if found is not None:
                cursor.register("found", pa.table({"row_id": found}))
            among = "items" if found is None else "items SEMI JOIN found USING (row_id)"
            where, values = self._where(asked)
            total = int(_one(cursor, f"SELECT count(*) FROM {among} WHERE {where}", values))
            shown = (
                f"SELECT * EXCLUDE ({', '.join(SAME.values())}) FROM {among} WHERE {where} "
                f"ORDER BY {SORTS[asked.sort]} LIMIT {PAGE} OFFSET {PAGE * asked.page}"
            )
            items = dicts(cursor.execute(shown, values))
            facets = [self._counted(cursor, among, facet, asked) for facet in self.facets]
        return {"total": total, "items": items, "facets": facets}

    def ids(self, name: str) -> list[int]:
        """The rows of which this is the conversation_id or row_id."""
        number = int(name) if name.isascii() and name.isdecimal() and len(name) < 19 else -1
        with self.cursor() as cursor:
            query = "SELECT row_id FROM stage_ingest WHERE conversation_id = ? OR row_id = ? ORDER BY row_id LIMIT 100"
            return [row for (row,) in cursor.execute(query, [name, number]).fetchall()]

    def _counted(self, cursor: duckdb.DuckDBPyConnection, among: str, facet: Facet, asked: Filter) -> dict[str, Any]:
        """The values of a facet under the other filters, with how many conversations have each."""
        where, values = self._where(asked, but=facet)
        value = f"unnest(CASE WHEN len({facet.column}) = 0 THEN [NULL] ELSE {facet.column} END)"
        query = (
            f"SELECT value, count(*) AS n FROM (SELECT {value if facet.several else facet.column} AS value "
            f"FROM {among} WHERE {where}) GROUP BY value ORDER BY n DESC, value LIMIT {VALUES + 1}"
        )
        rows = cursor.execute(query, values).fetchall()
        told = [{"value": name or "", "n": n} for name, n in rows[:VALUES]]
        return {"name": facet.name, "values": told, "more": len(rows) > VALUES}

    def _where(self, asked: Filter, but: Facet | None = None) -> tuple[str, list[Any]]:
        known = {facet.name: facet for facet in self.facets}
        conditions, values = ["true"], list[Any]()
        for name, chosen in asked.chosen.items():
            facet = known.get(name)
            if facet is None:
                raise ConfigError(f"this run has no facet {name!r}; there are {', '.join(known)}")
            if facet is but or not chosen:
                continue
            named = [value for value in chosen if value]
            either = [f"NOT ({_has(facet)})"] if len(named) < len(chosen) else []
            if named:
                either.append(
                    f"list_has_any({facet.column}, ?)" if facet.several else f"list_contains(?, {facet.column})"
                )
                values.append(named)
            conditions.append(f"({' OR '.join(either)})")
        for name, value in asked.same.items():
            conditions.append(f"{SAME[name]}::VARCHAR = ?")
            values.append(value)
        for day, operator in ((asked.since, ">= ?"), (asked.until, "< ? + INTERVAL 1 DAY")):
            if day is not None:
                conditions.append(f"created_at {operator}")
                values.append(day)
        return " AND ".join(conditions), values


def _has(facet: Facet) -> str:
    return f"len({facet.column}) > 0" if facet.several else f"{facet.column} IS NOT NULL"


def _table(facets: tuple[Facet, ...]) -> str:
    values = "".join(f", {selected(facet)}" for facet in facets)
    asked = "list_filter(s.messages, lambda m: m.role = 'user' AND trim(m.content) <> '')[1].content"
    opening = f"coalesce({asked}, s.messages[1].content, s.system)"
    score = f"list_max(list_transform(c.moderation, lambda j: {own_score('j')}))"
    return (
        "CREATE TABLE items AS SELECT c.row_id, c.created_at, len(s.messages)::INTEGER AS messages, "
        f"left(regexp_replace(left({opening}, 400), '\\s+', ' ', 'g'), 200) AS opening, {score} AS score, "
        f"c.user_key, c.cluster_id, c.prompt_cluster_id, c.battle_id{values} "
        "FROM conversations AS c LEFT JOIN shown AS s USING (row_id) "
        f"LEFT JOIN ({_TOPICS}) AS t USING (topic_id) LEFT JOIN decisions AS d USING (row_id) ORDER BY c.row_id"
    )


_TOPICS: Final = (
    "SELECT topic_id, CASE WHEN count(*) OVER (PARTITION BY label) > 1 THEN label || ' (' || topic_id || ')' "
    "ELSE label END AS label FROM topics"
)
"""Topics with a label of their own each: two that are named alike must not be one value."""


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise DataError(f"this took longer than {SECONDS:.0f} s and was ended; ask for less") from error
    except duckdb.Error as error:
        raise DataError(f"the run cannot be read: {_kind(error)}; if it has changed, start browse again") from error


def _kind(error: duckdb.Error) -> str:
    """The kind of an error: its text may quote a conversation."""
    return first_line(error).partition(":")[0] if isinstance(error, duckdb.IOException) else type(error).__name__


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: list[Any] | None = None) -> Any:
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None
