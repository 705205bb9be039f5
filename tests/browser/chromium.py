"""Pages in a real browser: the system's Chromium driven by Playwright, with all that goes wrong in a page noted down.

    def test_something(window):               # tests/conftest.py
        shown = window(dark=True)
        shown.page.goto(url)
        shown.page.get_by_role("button", name="Search").click()
        shown.shot("search-dark")             # a file where CHATLOG_SHOTS names a folder

At its end a test fails when a page of it told an error or a warning on the console, threw, was refused something by
its policy, opened a dialog or another window, or asked for anything outside of `file:` and loopback.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_FLAGS: Final = (
    "--no-sandbox",  # tests may run as root, in containers
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--font-render-hinting=none",
)
_HERE: Final = ("127.0.0.1", "localhost", "::1")


def executable() -> str | None:
    """The browser's program; None where there is none."""
    named = os.environ.get("CHATLOG_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Window:
    """One page of its own profile.

    Attributes:
        page: Playwright's page.
        problems: what went wrong in it so far, in words; a test may take away what it expects.
    """

    context: BrowserContext
    page: Page
    problems: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Notes from here on what goes wrong."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("popup", lambda page: self.problems.append(f"opened a window: {page.url}"))
        self.page.on("download", lambda download: self.problems.append(f"downloaded: {download.url}"))
        self.context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        told = urlsplit(request.url)
        if told.scheme in ("http", "https") and told.hostname not in _HERE:
            self.problems.append(f"asked for {request.url}")

    def shot(self, name: str, *, full: bool = False) -> None:
        """A picture NAME.png in the folder CHATLOG_SHOTS, where that is set, for people to look at."""
        folder = os.environ.get("CHATLOG_SHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=full)

    def until(self, condition: str) -> None:
        """Waits until an expression is true: Playwright's own way evaluates texts, which a policy forbids."""
        until(self.page, condition)

    def widest(self) -> int:
        """By how many pixels the page is wider than its window: 0 where nothing scrolls sideways."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wide


def until(page: Page, condition: str, seconds: float = 15) -> None:
    """Waits until an expression is true in a page."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never true: {condition}"
        page.wait_for_timeout(25)


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """A headless browser; closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def open_window(
    browser: Browser, *, width: int = 1280, height: int = 800, dark: bool = False, phone: bool = False
) -> Window:
    """A new window with a profile of its own; a phone's has its size, density and touch."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740} if phone else {"width": width, "height": height},
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        is_mobile=phone,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        service_workers="block",
    )
    context.set_default_timeout(15_000)
    made = Window(context, context.new_page())
    made.watch()
    return made
