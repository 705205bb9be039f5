"""The report in a window, for tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Request

from tests.browser.chromium import Window

Open = Callable[..., Window]


def opened(window: Open, file: Path, **how: object) -> tuple[Window, Page]:
    """The report in a window in which also a request for a file is a problem: it holds all that it needs."""
    shown = window(**how)

    def note(request: Request) -> None:
        if request.url != file.as_uri() and not request.url.startswith(("data:", "blob:")):
            shown.problems.append(f"asked for {request.url}")

    shown.page.on("request", note)
    shown.page.goto(file.as_uri())
    return shown, shown.page


def see_all(shown: Window) -> None:
    """Scrolls through the page, so that everything that waits to be near the view is drawn."""
    height = shown.page.evaluate("document.body.scrollHeight")
    for top in range(0, height, 700):
        shown.page.evaluate(f"window.scrollTo(0, {top})")
        shown.page.wait_for_timeout(30)
    shown.until("[...document.querySelectorAll('[data-plot]')].every((e) => e.querySelector('.plot-container'))")
    see_map(shown.page)


def see_map(page: Page) -> None:
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_selector("#map[data-ready]")


def points_shown(page: Page) -> int:
    return int(re.sub(r"\D", "", page.inner_text("#map-status").split(" of ")[0]))
