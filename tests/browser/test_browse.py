"""The page of `chatlog browse` in a real browser, over the demo."""

from __future__ import annotations

import json
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
from tests.browser.pages import CONTRAST, Open, opened, settled, total
from tests.cli.test_cli import told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(chromium: object, curated: Path) -> Iterator[BrowseServer]:
    labels = curated / "labels.jsonl"
    if not labels.exists():
        sample(judged_run(curated / "run"), 6, labels)
    with serving(curated / "run", labels=labels) as server:
        yield server


def test_the_link_opens_the_list_and_leaves_the_address(window: Open, demo: BrowseServer) -> None:
    shown, page = opened(window, demo)
    assert "token" not in page.url
    assert total(page) == demo.api.index.rows
    assert page.locator("#list li").count() == 40
    assert "after redaction" in page.inner_text("#shown")
    cookie = page.context.cookies()[0]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    shown.shot("browse-list")


def test_search_finds_marks_and_shows(window: Open, demo: BrowseServer) -> None:
    shown, page = opened(window, demo)
    page.keyboard.press("/")
    page.keyboard.type("Python")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#chosen').textContent.includes('Python')")
    settled(page)
    expected = demo.api.get("search", {"q": ["python"]})["total"]
    assert total(page) == expected > 2
    assert {text.lower() for text in page.locator("#list mark").all_inner_texts()} == {"python"}
    page.keyboard.press("j")
    page.wait_for_selector("#reader .message mark")
    shown.shot("browse-search")
    first = page.inner_text("#reader h2")
    page.keyboard.press("j")
    until(page, f"document.querySelector('#reader h2').innerText !== {json.dumps(first)}")
    page.keyboard.press("k")
    until(page, f"document.querySelector('#reader h2').innerText === {json.dumps(first)}")
    page.keyboard.press("Escape")
    page.wait_for_selector("#reader .hint")
    page.click("#chosen button")
    until(page, "!new URLSearchParams(location.search).has('q')")
    settled(page)
    assert total(page) == demo.api.index.rows


def test_filters_narrow_by_mouse_and_by_keyboard_and_go_back(window: Open, demo: BrowseServer) -> None:
    shown, page = opened(window, demo)
    page.locator("[data-facet=language] label", has_text="German").click()
    until(page, "location.search.includes('language=German')")
    settled(page)
    expected = demo.api.get("search", {"language": ["German"]})["total"]
    assert total(page) == expected
    box = page.locator("[data-facet=duplicate] input").first
    box.focus()
    page.keyboard.press("Space")
    until(page, "location.search.includes('duplicate=')")
    settled(page)
    assert 0 < total(page) < expected
    assert page.evaluate("document.activeElement.id").startswith("facet duplicate ")
    shown.shot("browse-filters")
    page.go_back()
    until(page, "!location.search.includes('duplicate=')")
    settled(page)
    assert total(page) == expected
    page.reload()
    settled(page)
    assert total(page) == expected and page.locator("[data-facet=language] input:checked").count() == 1


def test_all_filters_of_the_page_ask_what_the_server_knows(window: Open, demo: BrowseServer) -> None:
    _, page = opened(window, demo)
    facets = page.locator("[data-facet]").evaluate_all("all => all.map((one) => one.dataset.facet)")
    assert facets == [facet.name for facet in demo.api.index.facets]
    for name in facets:
        page.locator(f"[data-facet={name}] label").first.click()
        until(page, f"location.search.includes({json.dumps(name + '=')})")
        settled(page)
        assert total(page) > 0
        page.locator("#chosen button").first.click()
        until(page, "location.search === ''")
        settled(page)
    page.fill("[id='facet since']", "2025-03-10")
    until(page, "location.search.includes('since=2025-03-10')")
    settled(page)
    assert 0 < total(page) < demo.api.index.rows


def test_pages_and_orders(window: Open, demo: BrowseServer) -> None:
    _, page = opened(window, demo)
    first = page.locator("#list a").first.get_attribute("data-row")
    page.keyboard.press("]")
    until(page, "location.search.includes('page=1')")
    settled(page)
    assert page.locator("#list a").first.get_attribute("data-row") != first
    page.get_by_role("link", name="previous").click()
    settled(page)
    until(page, f"document.querySelector('#list a').dataset.row === '{first}'")
    page.select_option("#sort", "score")
    until(page, "location.search.includes('sort=score')")
    settled(page)
    assert "flagged" in page.locator("#list li").first.inner_text()


def test_a_duplicate_tells_its_reason_and_leads_to_the_kept_one(window: Open, demo: BrowseServer) -> None:
    copy = demo.api.get("search", {"duplicate": ["exact"]})["items"][0]["row_id"]
    shown, page = opened(window, demo, f"?id={copy}")
    page.wait_for_selector("#reader .facts")
    facts = page.inner_text("#reader .facts")
    assert "exact of row" in facts and "left out: duplicate: exact" in facts
    assert page.locator("#reader .against").all_inner_texts() == ["release\nleft out: duplicate: exact"]
    assert "was not given this conversation" in page.inner_text("#reader")
    page.locator("#reader .facts a").first.click()
    page.wait_for_selector("#reader .message")
    assert "best of a cluster" in page.inner_text("#reader .facts")
    shown.shot("browse-duplicate")


def test_an_address_that_names_no_row_is_told(window: Open, demo: BrowseServer) -> None:
    _, page = opened(window, demo, "?id=nonsense")
    assert page.inner_text("#reader [role=alert]") == "The address names no row of the run."
    page.keyboard.press("j")
    page.wait_for_selector("#reader .facts")


def test_labels_are_given_with_keys_and_read_by_moderation(window: Open, demo: BrowseServer, curated: Path) -> None:
    shown, page = opened(window, demo)
    page.keyboard.press("l")
    page.wait_for_selector(".choices")
    shown.shot("browse-labels")
    assert "score" not in page.inner_text("#labels").lower()
    for done, key in enumerate("fofouo", start=1):
        if key == "u":
            page.keyboard.press("k")
            until(page, "document.querySelector('[aria-pressed=true]')")
            page.keyboard.press("u")
            until(page, "document.querySelector('#progress').textContent === '3 of 6'")
            continue
        page.keyboard.press(key)
        until(page, f"document.querySelector('#progress').textContent !== '{done - 1 if done < 5 else 3} of 6'")
        settled(page)
    while "6 of 6" not in page.inner_text("#progress"):
        before = page.inner_text("#progress")
        page.get_by_role("button", name="no, it is fine").click()
        until(page, f"document.querySelector('#progress').textContent !== {json.dumps(before)}")
    page.wait_for_selector(".done")
    shown.shot("browse-labels-done")
    labels, empty = read_labels(curated / "labels.jsonl")
    assert empty == 0 and sorted(label.flagged for label in labels.values()) == [False] * 4 + [True] * 2
    quality = told("moderation", curated / "run", "--labels", curated / "labels.jsonl")["quality"]
    assert (quality["labels"], quality["positives"]) == (6, 2)


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(window: Open, demo: BrowseServer, dark: bool) -> None:
    shown, page = opened(window, demo, phone=True, dark=dark)
    name = "dark" if dark else "light"
    shown.shot(f"browse-phone-list-{name}")
    assert shown.widest() == 0 and not page.is_visible("#filters") and not page.is_visible("#reader")
    page.tap("#filters-button")
    page.locator("[data-facet=flagged] label", has_text="flagged").first.tap()
    until(page, "location.search.includes('flagged=')")
    settled(page)
    shown.shot(f"browse-phone-filters-{name}")
    page.tap(".close-filters")
    page.locator("#list a").first.tap()
    page.wait_for_selector("#reader .message")
    settled(page)
    shown.shot(f"browse-phone-reader-{name}")
    assert shown.widest() == 0 and not page.is_visible("#list")
    page.tap(".back")
    page.wait_for_selector("#list a")
    assert page.is_visible("#list")
    page.tap("#to-labels")
    page.wait_for_selector(".choices")
    shown.shot(f"browse-phone-labels-{name}")
    assert shown.widest() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_told_from_their_ground(window: Open, demo: BrowseServer, dark: bool) -> None:
    """At least WCAG's 4.5 to 1, for every text on the page."""
    shown, page = opened(window, demo, dark=dark, width=1440)
    page.keyboard.press("j")
    page.wait_for_selector("#reader .message")
    page.locator("#list a", has_text="flagged").first.click()
    page.wait_for_selector("#reader .chip.flagged")
    shown.shot("browse-dark" if dark else "browse-light")
    weak = page.evaluate(CONTRAST)
    assert weak == []


def test_names_and_states_are_told_to_those_who_do_not_see(window: Open, demo: BrowseServer) -> None:
    _, page = opened(window, demo)
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"skip", "to-browse", "to-labels", "help-button", "q", "in"} <= seen
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.wait_for_selector("#reader .message")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, a[href], input, select')].filter((one) => one.checkVisibility() && "
        "!(one.innerText || one.getAttribute('aria-label') || one.title || one.labels?.[0]?.innerText)).length"
    )
    assert unnamed == 0
    assert page.get_by_role("search").count() == 1 and page.get_by_role("status").count() >= 1
    assert page.locator("#list [aria-current=true]").count() == 1
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_without_the_token_nothing_is_shown(window: Open, demo: BrowseServer) -> None:
    shown = window()
    shown.page.goto(demo.door.link.partition("?")[0])
    assert "open the link" in shown.page.inner_text("body")
    assert all("403" in problem for problem in shown.problems)
    shown.problems.clear()


def test_a_server_that_has_ended_is_told(window: Open, curated: Path) -> None:
    with serving(curated / "run") as server:
        shown, page = opened(window, server)
    page.fill("#q", "python")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert "does not answer" in page.inner_text("[role=alert]")
    shown.problems.clear()
