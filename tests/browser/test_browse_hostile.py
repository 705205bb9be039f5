"""The page of `chatlog browse` in a real browser, over logs that attack it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: no page is opened in a browser")

from chatlog.browse import BrowseServer
from chatlog.moderation.labels import read_labels
from chatlog.moderation.reading import judged_run
from chatlog.moderation.sample import sample
from tests.browse.serving import serving
from tests.browser.chromium import until
from tests.browser.hostile import ATTACKS, STOLEN
from tests.browser.pages import Open, opened, query, ran, settled, total

pytestmark = pytest.mark.slow

OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
UNSEEN = "\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f"


@pytest.fixture(scope="module")
def hostile(chromium: object, hostile_run: Path) -> Iterator[BrowseServer]:
    labels = hostile_run.parent / "labels.jsonl"
    sample(judged_run(hostile_run), 40, labels)
    with serving(hostile_run, labels=labels) as server:
        yield server


def test_every_attack_is_shown_as_a_text(window: Open, hostile: BrowseServer) -> None:
    shown, page = opened(window, hostile)
    shown.shot("browse-hostile")
    rows = [item["row_id"] for item in hostile.api.get("search", {})["items"]]
    assert len(rows) == hostile.api.index.rows
    seen = ""
    for row in rows:
        page.keyboard.press("j")
        until(page, f"document.querySelector('#reader .small')?.textContent.startsWith('row {row}')")
        settled(page)
        seen += page.evaluate("document.querySelector('#reader').textContent")
        assert not page.evaluate(
            "document.querySelectorAll('#reader :is(script,img,iframe,object,svg,style,link,base,meta,math)').length"
        )
        assert not page.evaluate(
            "[...document.querySelectorAll('#reader *')]"
            ".some((one) => [...one.attributes].some((a) => a.name.startsWith('on')))"
        )
    for attack in ATTACKS[1:]:  # the first is a duplicate, which has no text
        for part in re.split(f"[{UNSEEN}]+", attack):
            assert part.strip() in seen, attack
    assert ran(page) == [None, None, False]
    assert page.url.startswith(hostile.door.link.partition("?")[0])


def test_links_of_a_log_lead_nowhere(window: Open, hostile: BrowseServer) -> None:
    _, page = opened(window, hostile)
    page.keyboard.press("j")
    page.wait_for_selector("#reader .facts")
    hrefs = page.evaluate("[...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))")
    assert hrefs and all(href.startswith(("?", "#")) for href in hrefs)


def test_text_that_turns_around_does_not(window: Open, hostile: BrowseServer) -> None:
    shown, page = opened(window, hostile, f"?{query('esrever')}")
    page.keyboard.press("j")
    page.wait_for_selector("#reader .code-point")
    shown.shot("browse-overrides")
    assert "U+202E" in page.inner_text("#reader")
    everything = page.evaluate("document.documentElement.textContent")
    assert OVERRIDES.search(everything) is None


def test_a_megabyte_is_searched_and_read_in_pieces(window: Open, hostile: BrowseServer) -> None:
    shown, page = opened(window, hostile, f"?{query('needle')}")
    assert total(page) == 1
    page.keyboard.press("j")
    page.wait_for_selector("#reader .message")
    assert page.evaluate("document.querySelector('#reader').textContent.length") < 30_000
    button = page.get_by_role("button", name="more characters")
    while button.count():
        before = page.evaluate("document.querySelector('#reader').textContent.length")
        button.first.click()
        until(
            page,
            f"document.querySelector('#reader').textContent.length > {before} + 10000"
            " || !document.querySelector('#reader .text .quiet')",
        )
    assert page.evaluate("document.querySelector('#reader .text').textContent.length") > 1_000_000
    assert shown.widest() == 0


def test_many_turns_come_as_they_are_asked_for(window: Open, hostile: BrowseServer) -> None:
    shown, page = opened(window, hostile, f"?{query('turn 1499')}")
    page.keyboard.press("j")
    page.wait_for_selector("[data-position='1499'] mark")
    assert "found this in message" in page.inner_text("#reader")
    assert page.locator(".message").count() < 60
    page.get_by_role("button", name="more messages").first.click()
    page.wait_for_selector("[data-position='60']")
    assert ran(page)[0] is None
    assert shown.widest() == 0


def test_hostile_words_are_searched_for_as_they_are(window: Open, hostile: BrowseServer) -> None:
    for words in (f"<script>{STOLEN}", "{{constructor", ".*+?^${}()|[]\\", '"><svg', "\u202e", "__proto__", "]]>"):
        _, page = opened(window, hostile)
        page.fill("#q", words)
        page.keyboard.press("Enter")
        until(page, "new URLSearchParams(location.search).has('q')")
        settled(page)
        assert total(page) == hostile.api.get("search", {"q": [words]})["total"]
        assert ran(page)[0] is None


def test_hostile_filters_filter(window: Open, hostile: BrowseServer) -> None:
    _, page = opened(window, hostile)
    more = page.locator("[data-facet=model] button")
    more.click()
    boxes = page.locator("[data-facet=model] input")
    count = boxes.count()
    assert count > 15
    for number in range(count):
        if number:
            page.locator("[data-facet=model] label", has=page.locator("input:checked")).first.click()
            until(page, "!location.search.includes('model=')")
            settled(page)
        page.locator("[data-facet=model] label").nth(number).click()
        until(page, "new URLSearchParams(location.search).has('model')")
        settled(page)
        assert total(page) >= 1
    assert ran(page)[0] is None


def test_hostile_messages_are_labelled(window: Open, hostile: BrowseServer) -> None:
    shown, page = opened(window, hostile, "?view=labels")
    for done in range(1, 11):
        page.keyboard.press("f" if done % 2 else "o")
        until(page, f"document.querySelector('#progress').textContent.startsWith('{done} of')")
        settled(page)
    shown.shot("browse-hostile-labels")
    labels, _ = read_labels(hostile.api.labels.path)  # type: ignore[union-attr]
    assert sum(label.flagged for label in labels.values()) == 5 and len(labels) == 10
    assert ran(page)[0] is None and shown.widest() == 0


def test_hostile_logs_fit_a_phone(window: Open, hostile: BrowseServer) -> None:
    shown, page = opened(window, hostile, phone=True)
    shown.shot("browse-hostile-phone")
    assert shown.widest() == 0
    page.locator("#list a").nth(12).tap()
    page.wait_for_selector("#reader .message")
    assert shown.widest() == 0


def test_the_policy_holds_where_the_page_would_not(window: Open, hostile: BrowseServer) -> None:
    """The second wall: were a text put into the page as markup, nothing of it would run or be loaded."""
    shown, page = opened(window, hostile)
    for attack in ATTACKS:
        page.evaluate(
            "(text) => { try { document.querySelector('#reader').innerHTML = text; }"
            " catch (error) { window.refused = error.name; } }",
            attack,
        )
    assert page.evaluate("window.refused") == "TypeError" and ran(page)[0] is None
    assert all("TrustedHTML" in problem for problem in shown.problems) and shown.problems
    shown.problems.clear()
