"""The watch over a page sees what it should: without that, a clean page would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.hostile import ATTACKS, STOLEN, hostile_records

pytest.importorskip("playwright", reason="Playwright is not installed: no page is opened in a browser")
from tests.browser.chromium import Window


def test_what_goes_wrong_is_noted(window: Callable[..., Window], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<meta http-equiv=Content-Security-Policy content=\"script-src 'unsafe-inline'; img-src 'none'\">"
        "<script>console.error('told'); alert('hello'); fetch('https://evil.invalid/'); "
        "new Function('1')</script><img src=x.png>"
    )
    shown = window()
    shown.page.goto(page.as_uri())
    shown.page.wait_for_timeout(200)
    found = "\n".join(shown.problems)
    for part in ("console error: told", "dialog: hello", "asked for https://evil.invalid/", "uncaught:", "x.png"):
        assert part in found
    shown.problems.clear()


def test_windows_are_phones_and_dark(window: Callable[..., Window], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<meta name=viewport content='width=device-width'><p style='width:500px'>wide")
    small, large = window(phone=True, dark=True), window()
    for one in (small, large):
        one.page.goto(page.as_uri())
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    assert (small.page.evaluate("innerWidth") < 600, small.page.evaluate(dark)) == (True, True)
    assert (large.page.evaluate("innerWidth"), large.page.evaluate(dark)) == (1280, False)
    assert large.widest() == 0 and small.widest() > 0


def test_every_attack_would_do_harm_or_be_seen() -> None:
    assert len(ATTACKS) == len(set(ATTACKS))
    texts = [message["content"] for record in hostile_records() for message in record["messages"]]
    assert sum(STOLEN in text for text in texts) > 1_000
    assert max(map(len, texts)) > 1_000_000
