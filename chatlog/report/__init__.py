"""One HTML file about a run, built from SQL over its views; and the funnel alone, as a picture."""

from __future__ import annotations

from chatlog.report.funnel import funnel_svg
from chatlog.report.write import write_report

__all__ = ["funnel_svg", "write_report"]
