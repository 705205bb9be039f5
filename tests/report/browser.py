"""A headless Chromium for the tests: pages that note every error, dialog and request."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Watched:
    """A page, and what happened in it that should not."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def see_all(self) -> None:
        """Scrolls through the page, so that everything that waits to be near the view is drawn."""
        height = self.page.evaluate("document.body.scrollHeight")
        for top in range(0, height, 700):
            self.page.evaluate(f"window.scrollTo({{top: {top}, behavior: 'instant'}})")
            self.page.wait_for_timeout(30)
        self.page.wait_for_function(
            "[...document.querySelectorAll('[data-plot]')].every((e) => e.querySelector('.plot-container'))"
        )


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium; skips where it or Playwright is absent."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Any, file: Path, **context: Any) -> Iterator[Watched]:
    """The file in a page of its own: viewport, color_scheme and so on as Playwright takes them."""
    with browser.new_context(**{"viewport": {"width": 1100, "height": 900}} | context) as made:
        page = made.new_page()
        watched = Watched(page)
        page.on("console", lambda m: watched.errors.append(f"{m.type}: {m.text}") if m.type != "log" else None)
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("dialog", lambda dialog: (watched.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: watched.requests.append(request.url))
        page.goto(file.as_uri())
        yield watched


def clean(watched: Watched, file: Path) -> None:
    assert watched.errors == []
    assert [url for url in watched.requests if not url.startswith(("data:", "blob:"))] == [file.as_uri()]


def with_map(watched: Watched) -> Any:
    watched.page.locator("#map").scroll_into_view_if_needed()
    watched.page.wait_for_selector("#map[data-ready]")
    return watched.page


def shown(page: Any) -> int:
    return int(re.sub(r"\D", "", page.inner_text("#map-status").split(" of ")[0]))
