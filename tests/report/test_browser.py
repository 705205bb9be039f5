"""The report in a real browser: it draws, answers and counts as it says, and nothing that the logs tell runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatlog.query import connect
from chatlog.report import write_report
from chatlog.report.write import SECTIONS
from tests.report.browser import clean, opened, shown, with_map
from tests.report.hostile_run import ATTACKS, hostile_run

pytest.importorskip("plotly")
pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_drawn(browser: Any, file: Path, scheme: str) -> None:
    with opened(browser, file, color_scheme=scheme) as watched:
        watched.see_all()
        with_map(watched)
        figures = {figure.name for section in SECTIONS for figure in section.figures}
        assert figures <= set(watched.page.eval_on_selector_all("figure", "all => all.map((e) => e.id)"))
        assert watched.page.locator(".live .plot-container").count() == 4
        # No rule of the style sheet changes the lengths of the funnel's bars.
        drawn = "all => all.map((e) => [e.getAttribute('width'), parseFloat(getComputedStyle(e).width)])"
        for told, seen in watched.page.eval_on_selector_all(".fn rect", drawn):
            assert abs(float(told) - seen) < 0.01
        page, ink = watched.page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        light, dark = (int(re.findall(r"\d+", colour)[0]) for colour in (page, ink))
        assert (light > 240 and dark < 60) if scheme == "light" else (light < 40 and dark > 200)
        clean(watched, file)


def test_the_demo(browser: Any, curated: Path) -> None:
    file = curated / "report.html"
    with opened(browser, file) as watched:
        watched.see_all()
        page = with_map(watched)
        # A query that a real run does not understand would leave its figure out.
        figures = {figure.name for section in SECTIONS for figure in section.figures}
        assert figures <= set(page.eval_on_selector_all("figure", "all => all.map((e) => e.id)"))
        with connect(curated / "run") as run:
            (points,) = run.execute("SELECT count(topic_x) FROM conversations WHERE kept").fetchone() or (0,)
        assert shown(page) == points > 0
        clean(watched, file)


POINT_AT_ALL = """() => {
  // Points at every point of the map, and tells how many models' names were told, and with how much markup.
  const told = new Set();
  let markup = 0;
  const { x, y, n } = chatlog.data.map;
  const xs = chatlog.unpack(x, "u2"), ys = chatlog.unpack(y, "u2");
  const { xaxis, yaxis } = document.getElementById("map-plot").layout;
  const map = document.getElementById("map"), tip = document.getElementById("map-tip");
  const box = map.getBoundingClientRect();
  for (let i = 0; i < n; i++) {
    const across = (xs[i] - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0]);
    const up = (yaxis.range[1] - ys[i]) / (yaxis.range[1] - yaxis.range[0]);
    map.dispatchEvent(new PointerEvent("pointermove",
      { clientX: box.left + across * box.width, clientY: box.top + up * box.height, bubbles: true }));
    if (tip.hidden) continue;
    markup += tip.querySelectorAll(":not(b):not(span), span *, b *").length;
    told.add(tip.children[2].textContent);
  }
  return { told: told.size, markup };
}"""


def test_nothing_of_a_hostile_run_runs(browser: Any, tmp_path: Path) -> None:
    root = hostile_run(tmp_path)
    file = root / "report.html"
    with connect(root) as run:
        write_report(run, file)
    with opened(browser, file) as watched:
        watched.see_all()
        page = with_map(watched)
        for detail in page.locator("details > summary").all():
            if detail.is_visible():
                detail.click()
        page.select_option("#map-colour", "model")
        assert page.evaluate(POINT_AT_ALL) == {"told": len(ATTACKS), "markup": 0}
        page.fill("#map-search", ATTACKS[0])
        page.wait_for_timeout(300)
        assert page.evaluate("window.stolen") is None
        found = page.evaluate(
            """() => ({
              scripts: document.scripts.length,
              strange: document.querySelectorAll("img, iframe, object, embed, base, link, form, animate").length,
              handlers: [...document.querySelectorAll("*")].filter(
                (e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length,
              links: [...document.querySelectorAll("a, [href]")].map((e) => e.getAttribute("href") || "#")
                .filter((href) => !href.startsWith("#")),
              metas: document.querySelectorAll("meta").length,
            })"""
        )
        assert found == {"scripts": 6, "strange": 0, "handlers": 0, "links": [], "metas": 5}
        # The attacks are told as what they are: texts.
        seen = page.inner_text("body")
        assert ATTACKS[0] in seen and "{{ 7 * 7 }}" in seen and "DROP TABLE" in seen and "\u202e" not in seen
        clean(watched, file)
        # Even markup that got into the page could not run: the policy names the page's own scripts alone.
        page.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=window.stolen=1>");
              const script = document.createElement("script");
              script.textContent = "window.stolen=1";
              document.body.append(script);
            }"""
        )
        page.wait_for_timeout(200)
        assert page.evaluate("window.stolen") is None and any("Content Security Policy" in e for e in watched.errors)


def live_tables(page: Any) -> dict[str, tuple[str, list[list[str]]]]:
    """The queries and cells under the sliders' charts, by what they tell."""
    told = page.eval_on_selector_all(
        "[data-live]",
        """all => all.map((e) => [e.dataset.live, e.querySelector("code").textContent,
             [...e.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent))])""",
    )
    return {name: (sql, rows) for name, sql, rows in told}


def test_the_sliders_count_what_their_sql_counts(browser: Any, file: Path, views: duckdb.DuckDBPyConnection) -> None:
    with opened(browser, file) as watched:
        page = watched.page
        page.locator("#thresholds-live").scroll_into_view_if_needed()
        page.wait_for_selector(".live .plot-container")
        first = live_tables(page)
        sliders = page.locator("input[data-category]")
        for place in range(sliders.count()):
            sliders.nth(place).focus()
            for _ in range(place * 3 + 1):
                page.keyboard.press("ArrowUp" if place % 2 else "ArrowDown")
        page.wait_for_timeout(200)
        moved = live_tables(page)
        assert set(moved) == {"category", "model", "topic", "language"}
        for name in moved:
            assert moved[name] != first[name], name
        for tables in (first, moved):
            for name, (sql, rows) in tables.items():
                expected = views.execute(sql).fetchall()
                counts = sorted([str(value) for value in row[1:]] for row in expected)
                assert sorted(row[1:] for row in rows) == counts, name
        hits = sum(int(row[3]) for row in moved["language"][1])
        assert f"At these thresholds {hits} of" in page.inner_text("#live-total")
        page.click("#threshold-reset")
        page.wait_for_timeout(100)
        assert live_tables(page) == first
        clean(watched, file)


def test_a_phone(browser: Any, file: Path) -> None:
    with opened(browser, file, **PHONE) as watched:
        watched.see_all()
        page = with_map(watched)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.tap("[data-map=in]")
        small = page.eval_on_selector_all(
            "button, select, input[type=range], summary",
            "all => all.filter((e) => e.offsetHeight && e.offsetHeight < 22).map((e) => e.outerHTML.slice(0, 80))",
        )
        assert small == []
        clean(watched, file)


def test_it_is_used_by_keyboard_alone(browser: Any, file: Path) -> None:
    with opened(browser, file) as watched:
        page = watched.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("location.hash") == "#content"
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert "SUMMARY" in reached
        page.focus("#language-bars summary")
        page.keyboard.press("Enter")
        assert page.is_visible("#language-bars table")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        names = page.eval_on_selector_all(
            "button, input, select",
            """all => all.filter((e) => !e.textContent.trim() && !e.getAttribute("aria-label") && !e.labels?.length)
              .map((e) => e.outerHTML.slice(0, 80))""",
        )
        assert names == []
        clean(watched, file)


def test_on_paper_everything_is_there(browser: Any, file: Path, tmp_path: Path) -> None:
    with opened(browser, file, color_scheme="dark") as watched:
        page = watched.page
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.wait_for_selector("#map[data-ready]")
        page.emulate_media(media="print")
        assert page.locator("[data-plot] .plot-container").count() == page.locator("[data-plot]").count()
        assert not page.is_visible("nav") and not page.is_visible(".tools")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert len(page.pdf(path=str(tmp_path / "report.pdf"))) > 50_000
        clean(watched, file)
