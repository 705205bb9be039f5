"""The funnel from records to released conversations, as a picture that needs nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from chatlog.report.charts import line, number
from chatlog.report.figures import Row

LOSSES: Final = frozenset({"rejects", "dropped"})
"""Steps of the view `funnel` by which the count shrinks."""

MARKS: Final = frozenset({"duplicates", "redacted", "flagged"})
"""Steps that tell a part of the count before them, and lose nothing."""

_WIDTH: Final = 860
_NARROW: Final = 500
_RIGHT: Final = 64
_LETTER: Final = 7  # width of a letter of a note, roughly: SVG wraps no lines, so that notes are cut
_ROW: Final = 50
_BAR: Final = 22
_TOP: Final = 10

_STYLE: Final = """
.fn{--ink:#1b1f24;--soft:#57606a;--level:#0072B2;--loss:#D55E00;--mark:#56B4E9;--line:#d0d7de}
@media (prefers-color-scheme:dark){
.fn{--ink:#e6edf3;--soft:#9aa4af;--level:#56B4E9;--loss:#E69F00;--mark:#0072B2;--line:#3d444d}}
@media print{.fn{--ink:#1b1f24;--soft:#57606a;--level:#0072B2;--loss:#D55E00;--mark:#56B4E9;--line:#d0d7de}}
.fn text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:var(--ink);font-size:14px}
.fn .n{font-weight:600;font-variant-numeric:tabular-nums}.fn .t{fill:var(--soft);font-size:12px}
.fn .level{fill:var(--level)}.fn .loss{fill:var(--loss)}.fn .mark{fill:var(--mark)}
.fn .drop{stroke:var(--line);stroke-width:1;stroke-dasharray:3 3}
"""


@dataclass(frozen=True)
class _Bar:
    step: str
    n: int
    note: str
    kind: str
    start: int


def funnel_svg(rows: Sequence[Row], width: int = _WIDTH) -> str:
    """The rows of the view `funnel` as a stand-alone SVG for light and dark pages.

    A count is a bar from the left; what is lost is a bar at the right end of the count before it; what is
    only marked (duplicates, redacted, flagged) is a bar at its left end.

    Args:
        rows: each with `step`, `n` and `note`, in order.
        width: in pixels at the size of a page's text; less than 500 draws for a phone.
    """
    left = 128 if width >= _NARROW else 88
    bars = _bars(rows, int((width - left) / _LETTER))
    widest = max((bar.start + bar.n for bar in bars), default=0) or 1
    scale = (width - left - _RIGHT) / widest
    height = _TOP * 2 + _ROW * len(bars)
    told = "; ".join(f"{bar.step} {bar.n}" for bar in bars)
    parts = [
        f'<svg class="fn" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'width="100%" style="max-width:{width}px" aria-label="{escape("Funnel: " + told)}">',
        f"<style>{_STYLE}</style>",
    ]
    for index, bar in enumerate(bars):
        parts += _draw(bar, left, _TOP + index * _ROW, scale)
    for index, (bar, after) in enumerate(itertools.pairwise(bars)):
        parts.append(_edge(bar, after, left, _TOP + index * _ROW, scale))
    parts.append("</svg>")
    return "\n".join(part for part in parts if part) + "\n"


def _bars(rows: Sequence[Row], letters: int) -> list[_Bar]:
    bars: list[_Bar] = []
    count = 0
    for row in rows:
        step, n, note = str(row["step"]), int(row["n"] or 0), line(row["note"] or "", letters)
        if step in LOSSES:
            start, kind = max(0, count - n), "loss"
        elif step in MARKS:
            start, kind = 0, "mark"
        else:
            start, kind, count = 0, "level", n
        bars.append(_Bar(line(step, 16), n, note, kind, start))
    return bars


def _draw(bar: _Bar, left: int, top: float, scale: float) -> list[str]:
    x = left + bar.start * scale
    # A count that is not zero is never invisible.
    width = max(bar.n * scale, 1.5 if bar.n else 0)
    sign = "−" if bar.kind == "loss" and bar.n else ""
    return [
        f'<text x="{left - 12}" y="{top + 16:g}" text-anchor="end">{escape(bar.step)}</text>',
        f'<rect class="{bar.kind}" x="{x:.1f}" y="{top:g}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
        f'<text class="n" x="{x + width + 8:.1f}" y="{top + 16:g}">{sign}{number(bar.n)}</text>',
        f'<text class="t" x="{left}" y="{top + 38:g}">{escape(bar.note)}</text>' if bar.note else "",
    ]


def _edge(bar: _Bar, after: _Bar, left: int, top: float, scale: float) -> str:
    """A thin line from a count to what is lost of it, and from a loss to the count that is left."""
    if "loss" not in (bar.kind, after.kind):
        return ""
    x = left + (bar.start if bar.kind == "loss" else after.start + after.n) * scale
    return f'<line class="drop" x1="{x:.1f}" x2="{x:.1f}" y1="{top + _BAR:g}" y2="{top + _ROW:g}"/>'
