"""The map of topics in a real browser."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import pytest

from chatlog.report import write_report
from chatlog.report.points import MAP_POINTS
from tests.report.run_views import connection_of_many

pytest.importorskip("plotly")
pytest.importorskip("playwright", reason="Playwright is not installed: no page is opened in a browser")
from tests.report.pages import Open, opened, points_shown, see_map

pytestmark = pytest.mark.slow


def test_the_map_is_searched_coloured_and_moved(window: Open, file: Path, views: duckdb.DuckDBPyConnection) -> None:
    def count(condition: str) -> int:
        sql = f"SELECT count(*) FROM conversations WHERE topic_x IS NOT NULL AND kept IS NOT FALSE AND {condition}"
        return int((views.execute(sql).fetchone() or (0,))[0])

    _, page = opened(window, file)
    see_map(page)
    assert points_shown(page) == count("true")
    page.fill("#map-search", "python code")
    assert points_shown(page) == count("topic_id = 1")
    page.click("[data-map=all]")
    page.select_option("#map-colour", "language")
    page.click("#map-legend button:has-text('Portuguese')")
    assert points_shown(page) == count("language = 'Portuguese'")
    assert page.get_attribute("#map-legend button:has-text('Portuguese')", "aria-pressed") == "true"
    page.select_option("#map-colour", "flagged")
    page.click("#map-legend button >> nth=1")
    assert points_shown(page) == count("flagged")
    page.click("[data-map=all]")
    page.select_option("#map-colour", "theme")
    # Topics 0, 2 and 4 are in the first theme, 1, 3 and 5 in the other, and the last in none.
    parts = ["topic_id IN (0, 2, 4)", "topic_id IN (1, 3, 5)", "topic_id = 6"]
    assert page.locator("#map-legend button").count() == len(parts)
    for place, part in enumerate(parts):
        page.click(f"#map-legend button >> nth={place}")
        assert points_shown(page) == count(part)
    page.click("[data-map=all]")
    before = page.evaluate("document.getElementById('map-plot').layout.xaxis.range")
    page.focus("#map")
    for key in ("+", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    after = page.evaluate("document.getElementById('map-plot').layout.xaxis.range")
    assert after[1] - after[0] < 0.7 * (before[1] - before[0])
    page.keyboard.press("0")
    page.wait_for_timeout(200)
    # The middle of a topic's points has one of its points near: pointing there tells of it.
    page.click("#topic-map summary:has-text('Topics of the map')")
    page.click("#map-topics button:has-text('python')")
    page.wait_for_timeout(300)
    box = page.locator("#map").bounding_box()
    for step in range(80):
        across, up = 0.3 + step % 10 / 25, 0.3 + step // 10 / 20
        page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * up)
        if page.is_visible("#map-tip"):
            break
    assert "python, function, list" in page.inner_text("#map-tip")


FRAMES = """async () => {
  const times = [];
  let on = true;
  const next = (time) => (times.push(time), on && requestAnimationFrame(next));
  requestAnimationFrame(next);
  await new Promise((done) => setTimeout(done, 4000));
  on = false;
  return (times.length - 1) / ((times.at(-1) - times[0]) / 1000);
}"""


def test_a_hundred_thousand_points_move_smoothly_and_are_small(window: Open, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    con = connection_of_many(130_000)
    write_report(con, file)
    assert file.stat().st_size < 15_000_000
    _, page = opened(window, file)
    see_map(page)
    assert points_shown(page) == MAP_POINTS
    page.evaluate("element => element.scrollIntoView({block: 'center'})", page.query_selector("#map"))
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(f"void ((window.rate = null), ({FRAMES})().then((rate) => (window.rate = rate)))")
    step = 0
    while page.evaluate("window.rate") is None:
        step += 1
        page.mouse.move(x + 200 * math.sin(step / 20), y + 120 * math.cos(step / 20))
    page.mouse.up()
    rate = page.evaluate("window.rate")
    print(f"{rate:.0f} frames a second, {step} moves, {file.stat().st_size:,} bytes")
    # 50 and more were seen on two busy cores without a graphics card; busier ones must not fail the test.
    assert rate > 12 and step > 20
