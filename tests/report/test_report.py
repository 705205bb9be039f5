from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from chatlog.errors import DataError, MissingExtra
from chatlog.report import write_report
from chatlog.report.figures import ask
from chatlog.report.write import SECTIONS, render
from tests.report.run_views import connection, connection_after_ingest

pytest.importorskip("plotly")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NAMES = [figure.name for section in SECTIONS for figure in section.figures]


class Page(HTMLParser):
    """What a browser would find in the page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "code", "td", "a", "svg", "table"}:
            self._open = tag
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attrs in self.tags for key, value in attrs.items() if key == name]


@pytest.fixture(scope="module")
def run() -> duckdb.DuckDBPyConnection:
    return connection()


@pytest.fixture(scope="module")
def html(run: duckdb.DuckDBPyConnection) -> str:
    return render(run)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_figure_is_there_with_its_sql(html: str, page: Page, run: duckdb.DuckDBPyConnection) -> None:
    ids = page.attributes("id")
    assert [name for name in NAMES if name not in ids] == []
    assert len(ids) == len(set(ids))
    for sql in page.texts["code"]:
        assert run.execute(sql).fetchone() is not None
    assert len(page.texts["code"]) == len(NAMES) + 1
    assert "Not in this run" not in html


def test_tables_hold_what_the_sql_says(page: Page, run: duckdb.DuckDBPyConnection) -> None:
    english = run.execute("SELECT count(*) FROM conversations WHERE kept AND language = 'English'").fetchone()
    assert english is not None
    cells = page.texts["td"]
    assert cells[cells.index("English") + 1] == str(english[0])


def test_texts_of_the_run_stay_texts(html: str, page: Page) -> None:
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert not [tag for tag, _ in page.tags if tag in {"img", "iframe", "object", "link", "form", "base"}]
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    assert "<script>window.stolen" not in html and "\u202e" not in html
    # It is shown, not lost.
    assert any(cell.startswith("</script><script>window.stolen=1") for cell in page.texts["td"])


def test_plots_are_json_that_cannot_leave_its_element(page: Page) -> None:
    data = page.texts["script"][0]
    assert "<" not in data and ">" not in data and "&" not in data
    plots = json.loads(data)
    assert set(plots) == set(page.attributes("data-plot"))
    labels = plots["model-bars"]["layout"]["yaxis"]["ticktext"]
    assert "vicuna-13b" in labels and any(label.startswith("&lt;/script&gt;") for label in labels)


def test_only_the_pages_own_scripts_may_run(page: Page) -> None:
    (policy,) = [value for value in page.attributes("content") if "default-src" in value]
    assert "default-src 'none'" in policy
    allowed = re.search(r"script-src ([^;]+);", policy)
    assert allowed is not None
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in page.texts["script"][1:]
    ]
    assert allowed[1].split() == hashes


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    assert page.attributes("src") == []
    assert all(link.startswith("#") for link in page.attributes("href"))


def test_conversations_are_not_shown(html: str) -> None:
    assert "secret words" not in html


def test_the_same_run_gives_the_same_bytes(html: str) -> None:
    assert render(connection()) == html


def test_a_run_that_only_ingested_is_told(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(connection_after_ingest(), out)
    text = out.read_text(encoding="utf-8")
    assert 'id="model-bars"' in text and 'id="topic-map"' not in text
    assert "Topics, Moderation, Duplicates, Personal data, Rejects." in text
    assert list(tmp_path.iterdir()) == [out]


def test_columns_that_are_absent_leave_their_figures_out() -> None:
    con = connection(5)
    con.execute("ALTER TABLE conversations DROP topic_x")
    con.execute("DROP VIEW decisions")
    page = Page(render(con))
    assert {"topic-map", "reasons"}.isdisjoint(page.attributes("id"))
    assert {"topic-bars", "funnel-steps"} <= set(page.attributes("id"))


@pytest.mark.parametrize("n", [0, 1])
def test_runs_of_hardly_any_rows(n: int) -> None:
    assert "<h1>" in render(connection(n))


def test_each_figure_asks_a_question_that_a_full_run_answers(run: duckdb.DuckDBPyConnection) -> None:
    for section in SECTIONS:
        for figure in section.figures:
            assert ask(run, figure) is not None, figure.name


def test_an_out_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        write_report(connection(1), tmp_path / "no" / "report.html")


def test_plotly_is_named_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"chatlog\[report\]"):
        render(connection(1))


def test_importing_the_report_imports_no_plotly() -> None:
    code = "import sys, chatlog.report; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not opened in a browser")
def test_a_browser_draws_every_plot_and_runs_nothing_else(html: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    file = tmp_path / "report.html"
    file.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=1000,12000", "--virtual-time-budget=15000", "--enable-logging=stderr"),
            *("--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    drawn = done.stdout.count('class="plot-container')
    assert drawn == html.count("data-plot=")
    assert "Content Security Policy" not in done.stderr and "Uncaught" not in done.stderr
    live = Page(done.stdout)
    assert [tag for tag, _ in live.tags].count("script") == 3
    assert not [tag for tag, _ in live.tags if tag in {"img", "iframe", "object"}]
    assert not [key for _, attrs in live.tags for key in attrs if key.startswith("on")]
