"""Points of the map and scores for the sliders, packed into the page: small numbers, no text of a conversation."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from chatlog.report.charts import line
from chatlog.report.figures import Row, rows_or_none, with_users
from chatlog.report.safety import BOUNDS, CONDITION, COUNTS, SCORED_ROWS, SCORES, UNDER
from chatlog.report.topics import TOPIC_NAMES
from chatlog.schema import CATEGORIES

MAP_POINTS: Final = 100_000
"""Points on the map: of more conversations those of the lowest hash are drawn."""

POINTS: Final = f"""SELECT topic_x, topic_y, topic_id,
       coalesce(language, 'unknown') AS language, coalesce(model, 'unknown') AS model,
       coalesce(flagged, false) AS flagged
FROM conversations
WHERE topic_x IS NOT NULL AND kept IS NOT FALSE
ORDER BY hash(row_id), row_id LIMIT {MAP_POINTS}"""

GRID: Final = 100
"""Steps of a slider between 0 and 1."""

MISSING: Final = 255
"""Stands for a score that is not there, and for a name past the 254 most frequent."""

_KEPT_NAMES: Final = 254
_NAME: Final = 60
_SIDE: Final = 65_535

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


def levels(scores: Floats) -> Bytes:
    """How many steps of the grid each score reaches: level k means that `score >= k / 100` and not `>= (k + 1) / 100`.

    Args:
        scores: of any shape; NaN where there is none.

    Returns:
        uint8 of the same shape, MISSING for NaN.
    """
    steps = np.arange(1, GRID + 1) / GRID
    found = np.searchsorted(steps, np.nan_to_num(scores, nan=0.0), side="right")
    return np.where(np.isnan(scores), MISSING, found).astype(np.uint8)


def map_data(connection: duckdb.DuckDBPyConnection, min_users: int) -> dict[str, Any] | None:
    """What the page's script draws the map from; None where the run has no map."""
    table = _columns(connection, POINTS)
    if table is None or not len(table["topic_x"]):
        return None
    x, y = table["topic_x"].astype(np.float64), table["topic_y"].astype(np.float64)
    topics = _Topics(connection, min_users)
    places = topics.places(table["topic_id"])
    across, up = _scaled(x, y)
    language, languages = _coded(table["language"].tolist())
    model, models = _coded(table["model"].tolist())
    return {
        "n": len(x),
        "sql": POINTS,
        "x": _packed(across),
        "y": _packed(up),
        "topic": _packed(places.astype(np.uint16)),
        "language": _packed(language),
        "model": _packed(model),
        "flagged": _packed(table["flagged"].astype(np.uint8)),
        "languages": languages,
        "models": models,
        "topics": topics.told(places, across, up),
        "themes": topics.themes,
        "judged": bool(_one(connection, "SELECT count(flagged) FROM conversations")),
    }


def score_data(connection: duckdb.DuckDBPyConnection, min_users: int) -> dict[str, Any] | None:
    """What the sliders count over; None where nothing was scored."""
    bounds = rows_or_none(connection, BOUNDS.sql)
    table = _columns(connection, SCORES) if bounds and bounds[1] else None
    if table is None or bounds is None:
        return None
    told = {row["category"]: row for row in bounds[1]}
    names = [name for name in CATEGORIES if name in told]
    topics = _Topics(connection, min_users)
    groups: dict[str, Any] = {}
    for name in ("model", "language"):
        codes, found = _coded(table[name].tolist())
        groups[name] = {"codes": _packed(codes), "names": found}
    places = topics.places(table["topic_id"])
    groups["topic"] = {"codes": _packed(places.astype(np.uint16)), "names": [*topics.names, "none"]}
    queries = {name: with_users(sql, min_users) for name, sql in UNDER.items()}
    return {
        "n": len(table["row_id"]),
        "limit": SCORED_ROWS,
        "categories": [{"name": name, "start": start_of(told[name])} for name in names],
        "levels": {name: _packed(levels(table[name].astype(np.float64))) for name in names},
        "flagged": _packed(np.ma.filled(table["flagged"], False).astype(np.uint8)),
        "groups": groups,
        "sql": queries,
        "marks": {"condition": CONDITION, "counts": COUNTS},
    }


def start_of(bounds: Row) -> int:
    """Where a slider stands at first, in steps: at the run's own threshold where the scores show one, or at a half."""
    low, high = bounds["lowest_flagged"], bounds["highest_unflagged"]
    if low is None or (high is not None and high >= low):
        return GRID // 2
    return max(1, int(levels(np.array([low]))[0]))


class _Topics:
    """The topics of a run in the order of their size, under the names that may be told."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, min_users: int) -> None:
        found = rows_or_none(connection, with_users(TOPIC_NAMES, min_users))
        rows: Sequence[Row] = found[1] if found else ()
        parents = {row["parent"] for row in rows}
        self._rows = [row for row in rows if row["topic_id"] not in parents and row["topic_id"] >= 0]
        self._place = {row["topic_id"]: place for place, row in enumerate(self._rows)}
        over = {row["topic_id"]: row["topic"] for row in rows}
        self._theme = {
            parent: place
            for place, parent in enumerate(
                dict.fromkeys(row["parent"] for row in self._rows if row["parent"] is not None)
            )
        }
        self.themes = [line(over.get(parent, f"theme {parent}"), _NAME) for parent in self._theme]
        self.names = [line(row["topic"], _NAME) for row in self._rows]

    def places(self, topic_id: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The place of each topic; one past the last for what is in none."""
        none = len(self._rows)
        return np.array([self._place.get(value, none) for value in topic_id.tolist()], dtype=np.int64)

    def told(self, places: npt.NDArray[np.int64], x: npt.NDArray[Any], y: npt.NDArray[Any]) -> list[dict[str, Any]]:
        """Name, theme, size, keywords and the middle of each topic's points."""
        told = []
        for place, row in enumerate(self._rows):
            mine = places == place
            told.append(
                {
                    "name": self.names[place],
                    "theme": -1 if row["parent"] is None else self._theme[row["parent"]],
                    "n": int(row["conversations"]),
                    "keywords": line(row["keywords"] or "", 160),
                    "x": float(np.median(x[mine])) if mine.any() else None,
                    "y": float(np.median(y[mine])) if mine.any() else None,
                }
            )
        return told


def _columns(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, npt.NDArray[Any]] | None:
    try:
        found: dict[str, Any] = connection.execute(sql).fetchnumpy()
    except (duckdb.BinderException, duckdb.CatalogException):
        return None
    return {
        name: values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) and values.dtype.kind == "f" else values
        for name, values in found.items()
    }


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _scaled(x: Floats, y: Floats) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Both coordinates on one scale of 0 to 65535, so that shapes stay."""
    span = max(float(np.ptp(x)), float(np.ptp(y))) or 1.0
    across, up = (np.round((v - v.min()) / span * _SIDE).astype(np.uint16) for v in (x, y))
    return across, up


def _coded(values: Sequence[Any]) -> tuple[Bytes, list[str]]:
    """A code for each value and the names by code, the most frequent first; MISSING past the 254 most frequent."""
    ranked = sorted(Counter(values).items(), key=lambda item: (-item[1], str(item[0])))
    code = {value: place for place, (value, _) in enumerate(ranked[:_KEPT_NAMES])}
    return np.array([code.get(value, MISSING) for value in values], dtype=np.uint8), [
        line(name, _NAME) for name in code
    ]


def _packed(values: npt.NDArray[Any]) -> str:
    """The array's little-endian bytes as base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()).decode()
