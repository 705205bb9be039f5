"""The report in a real browser: it draws, answers and counts as it says, and nothing that the logs tell runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatlog.query import connect
from chatlog.report import write_report
from chatlog.report.charts import line
from chatlog.report.write import SECTIONS
from tests.report.hostile_run import ATTACKS, hostile_run

pytest.importorskip("plotly")
pytest.importorskip("playwright", reason="Playwright is not installed: no page is opened in a browser")
from tests.report.pages import Open, opened, points_shown, see_all

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("dark", [False, True])
def test_everything_is_drawn(window: Open, file: Path, dark: bool) -> None:
    shown, page = opened(window, file, dark=dark)
    see_all(shown)
    figures = {figure.name for section in SECTIONS for figure in section.figures}
    assert figures <= set(page.eval_on_selector_all("figure", "all => all.map((e) => e.id)"))
    assert page.locator(".live .plot-container").count() == 4
    # No rule of the style sheet changes the lengths of the funnel's bars.
    drawn = "all => all.map((e) => [e.getAttribute('width'), parseFloat(getComputedStyle(e).width)])"
    for told, seen in page.eval_on_selector_all(".fn rect", drawn):
        assert abs(float(told) - seen) < 0.01
    colours = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    ground, ink = (int(re.findall(r"\d+", colour)[0]) for colour in colours)
    assert (ground < 40 and ink > 200) if dark else (ground > 240 and ink < 60)


def test_the_demo(window: Open, curated: Path) -> None:
    file = curated / "report.html"
    shown, page = opened(window, file)
    see_all(shown)
    # A query that a real run does not understand would leave its figure out.
    figures = {figure.name for section in SECTIONS for figure in section.figures}
    assert figures <= set(page.eval_on_selector_all("figure", "all => all.map((e) => e.id)"))
    with connect(curated / "run") as run:
        (points,) = run.execute("SELECT count(topic_x) FROM conversations WHERE kept").fetchone() or (0,)
    assert points_shown(page) == points > 0


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


def test_nothing_of_a_hostile_run_runs(window: Open, tmp_path: Path) -> None:
    root = hostile_run(tmp_path)
    file = root / "report.html"
    with connect(root) as run:
        write_report(run, file)
    shown, page = opened(window, file)
    see_all(shown)
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
    assert shown.problems == []
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
    assert page.evaluate("window.stolen") is None
    assert any("Content Security Policy" in problem for problem in shown.problems)
    shown.problems.clear()


def live_tables(page: Any) -> dict[str, tuple[str, list[list[str]]]]:
    """The queries and cells under the sliders' charts, by what they tell."""
    told = page.eval_on_selector_all(
        "[data-live]",
        """all => all.map((e) => [e.dataset.live, e.querySelector("code").textContent,
             [...e.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent))])""",
    )
    return {name: (sql, rows) for name, sql, rows in told}


def test_the_sliders_count_what_their_sql_counts(window: Open, file: Path, views: duckdb.DuckDBPyConnection) -> None:
    _, page = opened(window, file)
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
            # Names are cut as on the map.
            assert sorted(rows) == sorted([line(row[0], 60), *map(str, row[1:])] for row in expected), name
    hits = sum(int(row[3]) for row in moved["language"][1])
    assert f"At these thresholds {hits} of" in page.inner_text("#live-total")
    page.click("#threshold-reset")
    page.wait_for_timeout(100)
    assert live_tables(page) == first


def test_a_phone(window: Open, file: Path) -> None:
    shown, page = opened(window, file, phone=True)
    see_all(shown)
    assert shown.widest() == 0
    across = "document.getElementById('map-plot').layout.xaxis.range.reduce((from, to) => to - from)"
    before = page.evaluate(across)
    page.tap("[data-map=in]")
    shown.until(f"{across} < 0.7 * {before}")
    small = page.eval_on_selector_all(
        "button, select, input[type=range], summary",
        "all => all.filter((e) => e.offsetHeight && e.offsetHeight < 22).map((e) => e.outerHTML.slice(0, 80))",
    )
    assert small == []


def test_it_is_used_by_keyboard_alone(window: Open, file: Path) -> None:
    _, page = opened(window, file)
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


def test_on_paper_everything_is_there(window: Open, file: Path, tmp_path: Path) -> None:
    _, page = opened(window, file, dark=True)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_selector("#map[data-ready]")
    page.emulate_media(media="print")
    assert page.locator("[data-plot] .plot-container").count() == page.locator("[data-plot]").count()
    assert not page.is_visible("nav") and not page.is_visible(".tools")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(page.pdf(path=str(tmp_path / "report.pdf"))) > 50_000
