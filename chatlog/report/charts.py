"""Plots from rows. Every text of the run is escaped, for plotly reads a little HTML in labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from textwrap import wrap
from typing import Any, Final

from chatlog.report.figures import Plot, Row

OKABE_ITO: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Colours that people with any kind of colour vision tell apart (Okabe and Ito, 2008); its black and its
yellow are left out, as they vanish on a dark and on a white page."""

SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "star")

_LABEL: Final = 32
_HOVER: Final = 90


def line(value: Any, length: int = _HOVER) -> str:
    """A text of the run on one line, without control and direction characters, cut; not escaped."""
    text = "unknown" if value is None else str(value)
    text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def plain(value: Any, length: int = _HOVER) -> str:
    """The same for a label that plotly draws: escaped."""
    return escape(line(value, length), quote=False)


def tint(colour: str, share: float) -> str:
    """A colour mixed with white, `share` of it, so that black letters can be read on it."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


def number(value: float) -> str:
    """A number with thin spaces between thousands; what is not whole has three digits, and one place from 100 on."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.3g}" if abs(value) < 99.95 else f"{value:,.1f}".replace(",", "\u202f")


def bars(
    rows: Sequence[Row],
    label: str,
    value: str,
    *,
    unit: str,
    tone: str = "main",
    share: bool = False,
    detail: Callable[[Row], Any] | None = None,
    interval: bool = False,
) -> Plot:
    """Horizontal bars, the first row on top.

    Args:
        rows: what to draw.
        label: the column of the bars' names.
        value: the column of their lengths; between 0 and 1 where `share`.
        unit: what the lengths count, under the axis.
        tone: main, loss or mark.
        share: lengths are shares, told as percent.
        detail: what is also told of a row on hover.
        interval: the columns `low` and `high` are the ends of an interval around each length.
    """
    values = [float(row[value] or 0) for row in rows]
    told = [f"{100 * v:.1f}%" if share else number(v) for v in values]
    trace: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        # Positions, not names, stand on the axis: two names that are cut alike must not share a bar.
        "y": list(range(len(rows))),
        "x": values,
        "text": told,
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [
            [plain(row[label]), text, plain(detail(row)) if detail else ""]
            for row, text in zip(rows, told, strict=True)
        ],
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]} "
        + escape(unit)
        + ("<br>%{customdata[2]}" if detail else "")
        + "<extra></extra>",
    }
    traces = [trace]
    ends = [float(row["high"]) for row in rows] if interval else []
    if interval:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, end - v) for end, v in zip(ends, values, strict=True)],
            "arrayminus": [max(0.0, v - float(row["low"])) for row, v in zip(rows, values, strict=True)],
            "thickness": 1.2,
            "width": 3,
        }
        # A number at the bar's end would stand on the whisker: it stands at the whisker's end.
        trace |= {"textposition": "none"}
        traces.append(
            {
                "type": "scatter",
                "mode": "text",
                "x": ends,
                "y": trace["y"],
                "text": [f"\u2002{text}" for text in told],
                "textposition": "middle right",
                "hoverinfo": "skip",
                "cliponaxis": False,
            }
        )
    widest = max([*values, *ends], default=0) or 1
    layout = {
        "height": 26 * len(rows) + 56,
        "showlegend": False,
        "bargap": 0.32,
        "yaxis": {
            "autorange": "reversed",
            "tickmode": "array",
            "tickvals": list(range(len(rows))),
            "ticktext": [plain(row[label], _LABEL) for row in rows],
            "ticklabelstandoff": 6,
            "automargin": True,
            "showgrid": False,
            "fixedrange": True,
        },
        # Room for the number at the longest bar's end.
        "xaxis": _value_axis(unit, share, widest) | {"range": [0, widest * 1.16]},
    }
    return {"data": traces, "layout": layout, "tone": tone}


def columns(rows: Sequence[Row], label: str, value: str, *, unit: str, across: str, tone: str = "main") -> Plot:
    """Upright columns in the order of the rows, for what has an order of its own."""
    values = [float(row[value] or 0) for row in rows]
    trace = {
        "type": "bar",
        "x": [plain(row[label]) for row in rows],
        "y": values,
        "hovertemplate": "%{x}: %{customdata} " + escape(unit) + "<extra></extra>",
        "customdata": [number(v) for v in values],
    }
    layout = {
        "height": 300,
        "bargap": 0.2,
        "xaxis": {
            "type": "category",
            "title": {"text": across},
            "showgrid": False,
            "fixedrange": True,
            "automargin": True,
        },
        "yaxis": _value_axis(unit, False),
    }
    return {"data": [trace], "layout": layout, "tone": tone}


def steps(rows: Sequence[Row], x: str, y: str, group: str, *, unit: str, across: str, log: bool = False) -> Plot:
    """One line a group, over an axis of numbers."""
    names = list(dict.fromkeys(row[group] for row in rows))
    traces = []
    for index, name in enumerate(names):
        mine = [row for row in rows if row[group] == name]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": plain(name, _LABEL),
                "x": [float(row[x]) for row in mine],
                "y": [float(row[y] or 0) for row in mine],
                "line": {"color": OKABE_ITO[index % len(OKABE_ITO)], "width": 2},
                "marker": {"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 7},
                "hovertemplate": "%{x}: %{y} " + escape(unit) + "<extra>" + plain(name, _LABEL) + "</extra>",
            }
        )
    layout = {
        "height": 320,
        "xaxis": {"title": {"text": across}, "fixedrange": True} | ({"type": "log", "dtick": 1} if log else {}),
        "yaxis": _value_axis(unit, False),
        "legend": {"orientation": "h", "x": 0, "y": 1.14},
    }
    return {"data": traces, "layout": layout, "tone": ""}


def timeline(rows: Sequence[Row], x: str, y: str, *, unit: str) -> Plot:
    """Columns over a time axis."""
    trace = {
        "type": "bar",
        "x": [str(row[x]) for row in rows],
        "y": [float(row[y]) for row in rows],
        "hovertemplate": "%{x|%d %b %Y}: %{y} " + escape(unit) + "<extra></extra>",
    }
    layout = {
        "height": 280,
        "bargap": 0.1,
        "xaxis": {"type": "date", "showgrid": False, "fixedrange": True},
        "yaxis": _value_axis(unit, False),
    }
    return {"data": [trace], "layout": layout, "tone": "main"}


def treemap(rows: Sequence[Row]) -> Plot | None:
    """Topics as areas inside of their themes; rows have theme, topic, conversations, share, topic_id and parent."""
    shown = [row for row in rows if row["conversations"]]
    if not shown:
        return None
    themes = dict.fromkeys((row["parent"], row["theme"]) for row in shown if row["parent"] is not None)
    colours = {parent: OKABE_ITO[place % len(OKABE_ITO)] for place, (parent, _) in enumerate(themes)}
    totals = {parent: sum(row["conversations"] for row in shown if row["parent"] == parent) for parent, _ in themes}
    ids = [f"theme {parent}" for parent, _ in themes] + [f"topic {row['topic_id']}" for row in shown]
    names = [plain(name, _HOVER) for _, name in themes] + [plain(row["topic"], _HOVER) for row in shown]
    told = [""] * len(themes) + [plain(row["keywords"] or "") for row in shown]
    trace = {
        "type": "treemap",
        "branchvalues": "total",
        "ids": ids,
        "labels": names,
        "parents": [""] * len(themes) + ["" if row["parent"] is None else f"theme {row['parent']}" for row in shown],
        "values": [totals[parent] for parent, _ in themes] + [row["conversations"] for row in shown],
        "customdata": told,
        "text": [f"<b>{name}</b>" for name in names[: len(themes)]] + [_wrapped(row["topic"]) for row in shown],
        "texttemplate": "%{text}<br>%{value}",
        "hovertemplate": "<b>%{label}</b><br>%{value} conversations, %{percentRoot:.1%}"
        "<br>%{customdata}<extra></extra>",
        "marker": {
            "colors": [tint(colours[parent], 0.75) for parent, _ in themes]
            + [tint(colours.get(row["parent"], OKABE_ITO[0]), 0.4) for row in shown],
            "line": {"width": 1.5},
            "pad": {"t": 24, "l": 4, "r": 4, "b": 4},
        },
        "tiling": {"pad": 2},
        "pathbar": {"visible": False},
    }
    # Letters of one size; a name that does not fit is told on hover and in the table.
    uniform = {"minsize": 10, "mode": "hide"}
    layout = {"height": 520, "margin": {"l": 0, "r": 0, "t": 4, "b": 4}, "uniformtext": uniform}
    return {"data": [trace], "layout": layout, "tone": "tree"}


def _wrapped(text: str) -> str:
    return "<br>".join(escape(part, quote=False) for part in wrap(line(text, 60), 15))


def _value_axis(unit: str, share: bool, widest: float = 0) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "title": {"text": unit},
        "rangemode": "tozero",
        "zeroline": False,
        "fixedrange": True,
        "nticks": 6,
    }
    if share:
        return axis | {"tickformat": ".0%"}
    # Counts are whole: no tick stands at a half.
    whole = {"dtick": 1} if 0 < widest <= 6 else {}
    return axis | {"separatethousands": True, "tickformat": "~s"} | whole
