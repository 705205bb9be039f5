"""The report's page: every figure asked, drawn, and put into one file that needs no network."""

from __future__ import annotations

import base64
import datetime
import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

import duckdb

from chatlog.errors import DataError, MissingExtra
from chatlog.report import content, decisions, paper, safety, topics
from chatlog.report.charts import OKABE_ITO, line, number
from chatlog.report.figures import MIN_USERS, Answer, Row, Section, ask, with_users
from chatlog.report.funnel import funnel_svg
from chatlog.report.points import MAP_POINTS, map_data, score_data

SECTIONS: Final = (
    decisions.FUNNEL,
    content.LANGUAGES,
    content.MODELS,
    content.LENGTHS,
    content.TIME,
    topics.TOPICS,
    safety.MODERATION,
    decisions.DUPLICATES,
    decisions.PII,
    decisions.REJECTS,
    decisions.WORK,
    paper.PAPER,
)
"""The report's sections, in order."""

TABLE_ROWS: Final = 200
"""Rows of a table in the page; the query beside it gives the others."""

_CELL: Final = 400

IDENTIFIERS: Final = frozenset({"row", "topic_id", "parent"})
"""Columns of numbers that name something: no spaces between their thousands."""

SCRIPTS: Final = ("common.js", "report.js", "map.js", "sliders.js")
"""The page's own scripts, in order; plotly's comes before them."""


@dataclass(frozen=True)
class _Part:
    """A section with the answers that the run has."""

    section: Section
    answers: tuple[Answer, ...]


def write_report(connection: duckdb.DuckDBPyConnection, out: Path, *, min_users: int = MIN_USERS) -> None:
    """Writes the report of a run to `out`.

    Args:
        connection: with the views of chatlog.query.connect; a view or a column may be absent, and what
            needs it is then left out and named.
        out: the HTML file.
        min_users: users below whom a topic or a cluster of duplicates shows no name and no text.

    Raises:
        DataError: `out` cannot be written.
        MissingExtra: plotly is not installed.
    """
    page = render(connection, min_users)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}") from error


def render(connection: duckdb.DuckDBPyConnection, min_users: int = MIN_USERS) -> str:
    """The report's HTML: the same bytes for the same run."""
    from jinja2 import Environment, StrictUndefined

    numbers = ask(connection, content.NUMBERS, min_users)
    parts = [
        _Part(section, tuple(answer for figure in section.figures if (answer := ask(connection, figure, min_users))))
        for section in SECTIONS
    ]
    shown = [part for part in parts if part.answers]
    plots = {answer.figure.name: plot for part in shown for answer in part.answers if (plot := answer.plot)}
    points, scores = map_data(connection, min_users), score_data(connection, min_users)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": cell,
        "number": number,
        "users": partial(with_users, min_users=min_users),
    }
    scripts = [_plotly(), *(_resource(name) for name in SCRIPTS)]
    return environment.from_string(_resource("template.html.j2")).render(
        numbers=numbers,
        tiles=_tiles(numbers.rows[0]) if numbers else [],
        parts=shown,
        absent=[part.section.title for part in parts if not part.answers],
        plots=plots,
        data=_json_in_script({"plots": plots, "map": points, "scores": scores, "palette": OKABE_ITO}),
        points=points,
        map_points=MAP_POINTS,
        scores=scores,
        funnel_figure=decisions.STEPS.name,
        funnel=_funnel(shown),
        style=_resource("report.css"),
        scripts=scripts,
        script_hashes=[_csp_hash(script) for script in scripts],
        table_rows=TABLE_ROWS,
    )


def _funnel(parts: Sequence[_Part]) -> str:
    for part in parts:
        for answer in part.answers:
            if answer.figure is decisions.STEPS:
                # The narrow one is shown on phones, where the other's letters would be too small.
                return funnel_svg(answer.rows) + funnel_svg(answer.rows, width=350)
    return ""


def _tiles(row: Row) -> list[tuple[str, str, str]]:
    """Name, number and note of the figures at the head of the page."""
    total = int(row["conversations"])
    kept = int(row["kept"])
    tiles = [("conversations", number(total), f"{_percent(kept, total)} kept" if kept < total else "")]
    for name in ("messages", "models", "languages"):
        if row[name]:
            tiles.append((name, number(int(row[name])), ""))
    for name in ("redacted", "flagged"):
        if row[name]:
            tiles.append((name, number(int(row[name])), f"{_percent(int(row[name]), kept)} of kept"))
    if row["first_day"]:
        days = (row["last_day"] - row["first_day"]).days + 1
        tiles.append(("days", number(days), f"{row['first_day']} to {row['last_day']}"))
    return tiles


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"


def cell(value: Any, column: str = "") -> str:
    """A value for a table: numbers grouped, control and direction characters gone, long texts cut."""
    if value is None:
        return "–"
    if isinstance(value, bool | datetime.date) or column in IDENTIFIERS:
        return str(value)
    if isinstance(value, int | float | Decimal):
        return number(float(value) if not isinstance(value, int) else value)
    return line(value, _CELL)


def _json_in_script(value: Any) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _resource(name: str) -> str:
    return resources.files("chatlog.report").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    # Only the script that the package carries is wanted: importing plotly takes a second.
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("the report", "report")
    path = Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    try:
        script = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; reinstall plotly") from error
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _csp_hash(script: str) -> str:
    """The source expression that lets just this script run (Content Security Policy 3, section 2.3.1)."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"
