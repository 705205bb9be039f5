from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from inspect import signature
from pathlib import Path

import duckdb
import pytest

from chatlog.cli.inspect import report
from chatlog.errors import DataError, MissingExtra
from chatlog.report import write_report
from chatlog.report.figures import MIN_USERS, ask
from chatlog.report.write import SCRIPTS, SECTIONS, TABLE_ROWS, cell, render
from tests.report.run_views import RARE_TOPIC, connection, connection_after_ingest

pytest.importorskip("plotly")

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
def html(views: duckdb.DuckDBPyConnection) -> str:
    return render(views)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_figure_is_there_with_its_sql(html: str, page: Page, views: duckdb.DuckDBPyConnection) -> None:
    ids = page.attributes("id")
    assert [name for name in NAMES if name not in ids] == []
    assert len(ids) == len(set(ids))
    # One more for the numbers at the head, one for the map; the sliders' four are filled in by the script.
    assert len([sql for sql in page.texts["code"] if sql]) == len(NAMES) + 2
    assert "Not in this run" not in html and "$min_users" not in html


def told_tables(html: str) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """The query, columns and cells of each table with a query under it, as the page shows them."""
    block = r'<div class="told">\n<details[^>]*>\n<summary>Table</summary>(.*?)</details>.*?<code>(.*?)</code>'
    for table, sql in re.findall(block, html, re.DOTALL):
        columns = [unescape(name) for name in re.findall(r"<th [^>]*>(.*?)</th>", table)]
        rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", table)]
        if sql:
            yield unescape(sql), columns, [[unescape(cell) for cell in row] for row in rows]


def test_every_number_is_what_its_sql_gives_when_run_again(html: str) -> None:
    again = connection()
    tables = list(told_tables(html))
    assert len(tables) == len(NAMES) + 1
    for sql, columns, rows in tables:
        cursor = again.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        assert columns == [name.replace("_", " ") for name in names], sql
        expected = cursor.fetchall()[:TABLE_ROWS]
        assert rows == [[cell(value, name) for value, name in zip(row, names, strict=True)] for row in expected], sql


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "–"),
        (0, "0"),
        (1234567, "1\u202f234\u202f567"),
        (210479.0, "210\u202f479"),
        (0.12345, "0.123"),
        (69.5, "69.5"),
        (214.5, "214.5"),
        (1234.56, "1\u202f234.6"),
        (Decimal("214.5"), "214.5"),
        (True, "True"),
        ("a\nb\u202e", "a b"),
    ],
)
def test_values_are_told_as_they_are(value: object, told: str) -> None:
    assert cell(value) == told


def test_the_papers_values_are_told_beside_the_runs(html: str) -> None:
    (rows,) = [rows for _, columns, rows in told_tables(html) if "lmsys chat 1m" in columns]
    assert {row[-3]: row[-1] for row in rows} == {
        "conversations": "1\u202f000\u202f000",
        "models": "25",
        "users": "210\u202f479",
        "languages": "154",
        "turns a conversation, mean": "2",
        "tokens a prompt, mean (Llama 2)": "69.5",
        "tokens a response, mean (Llama 2)": "214.5",
        "characters a prompt, mean": "–",
        "characters a response, mean": "–",
    }


def test_shares_at_the_head_are_of_what_is_told_as_kept(html: str, views: duckdb.DuckDBPyConnection) -> None:
    counts = "count(*) FILTER (redacted), count(*) FILTER (flagged), count(*)"
    redacted, flagged, kept = views.execute(f"SELECT {counts} FROM conversations WHERE kept").fetchone() or ()
    found = re.findall(r'<dt>(redacted|flagged)</dt><dd><span class="value">(.*?)</span>.*?>([0-9.]+)% of kept<', html)
    assert found == [
        ("redacted", str(redacted), f"{100 * redacted / kept:.1f}"),
        ("flagged", str(flagged), f"{100 * flagged / kept:.1f}"),
    ]


def test_the_sql_is_run_with_its_order_settled(html: str) -> None:
    # The same rows in another order in the file: every table stays, so that no order is left to chance.
    again = connection()
    again.execute("CREATE TABLE shuffled AS FROM conversations ORDER BY hash(row_id + 1)")
    again.execute("DELETE FROM conversations; INSERT INTO conversations FROM shuffled")
    assert list(told_tables(render(again))) == list(told_tables(html))


def test_texts_of_the_run_stay_texts(html: str, page: Page) -> None:
    assert [tag for tag, _ in page.tags].count("script") == len(SCRIPTS) + 2
    assert not [tag for tag, _ in page.tags if tag in {"img", "iframe", "object", "link", "form", "base"}]
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    assert "<script>window.stolen" not in html and "\u202e" not in html
    # It is shown, not lost.
    assert any(cell.startswith("</script><script>window.stolen=1") for cell in page.texts["td"])


def test_plots_are_json_that_cannot_leave_its_element(page: Page) -> None:
    data = page.texts["script"][0]
    assert "<" not in data and ">" not in data and "&" not in data
    plots = json.loads(data)["plots"]
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


def test_only_redacted_questions_that_many_users_stand_behind_are_shown(html: str) -> None:
    assert "secret answer" not in html
    (prompts,) = [rows for _, columns, rows in told_tables(html) if columns[-1] == "prompt"]
    told = {row[-1][: row[-1].index(":")] for row in prompts}
    # All conversations of one topic are of one user: neither its prompts nor its name are told.
    assert told == {f"question of topic {topic}" for topic in range(7) if topic != RARE_TOPIC}
    con = connection()
    con.execute("UPDATE conversations SET redacted = NULL")
    assert "question of topic" not in render(con)


@pytest.mark.parametrize(("column", "place", "least"), [("snapshots", 5, 16), ("asked", 3, 28)])
def test_the_questions_told_most_are_shown_where_enough_users_asked_them(
    views: duckdb.DuckDBPyConnection, column: str, place: int, least: int
) -> None:
    (rows,) = [rows for _, columns, rows in told_tables(render(views, least)) if column in columns]
    enough = [int(row[place]) >= least for row in rows]
    assert [row[-1] != "–" for row in rows] == enough and len(set(enough)) == 2


def test_a_topic_and_a_theme_of_few_users_have_no_name() -> None:
    con = connection()
    con.execute("INSERT INTO topics SELECT * REPLACE (102 AS topic_id) FROM topics WHERE topic_id = 100")
    con.execute("UPDATE topics SET parent = 102 WHERE topic_id = ?", [RARE_TOPIC])
    con.execute(
        "UPDATE topics SET label = 'a telling name', keywords = ['a telling name'] WHERE topic_id IN (102, ?)",
        [RARE_TOPIC],
    )
    page = render(con)
    assert "a telling name" not in page and f">topic {RARE_TOPIC}<" in page and ">topic 102<" in page
    assert "a telling name" in render(con, min_users=1)


def test_the_same_run_gives_the_same_bytes(html: str) -> None:
    assert render(connection()) == html


def test_a_run_that_only_ingested_is_told(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(connection_after_ingest(), out)
    text = out.read_text(encoding="utf-8")
    assert 'id="model-bars"' in text and 'id="topic-map"' not in text
    assert "Topics, Moderation, Duplicates, Personal data, Rejects." in text and 'id="paper-table-1"' in text
    assert list(tmp_path.iterdir()) == [out]


def test_columns_that_are_absent_leave_their_figures_out() -> None:
    con = connection(5)
    con.execute("ALTER TABLE conversations DROP topic_x")
    con.execute("DROP VIEW decisions")
    page = Page(render(con))
    assert {"topic-map", "reasons"}.isdisjoint(page.attributes("id"))
    assert {"topic-tree", "funnel-steps"} <= set(page.attributes("id"))


@pytest.mark.parametrize("n", [0, 1])
def test_runs_of_hardly_any_rows(n: int) -> None:
    assert "<h1>" in render(connection(n))


def test_each_figure_asks_a_question_that_a_full_run_answers(views: duckdb.DuckDBPyConnection) -> None:
    for section in SECTIONS:
        for figure in section.figures:
            assert ask(views, figure) is not None, figure.name


def test_an_out_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        write_report(connection(1), tmp_path / "no" / "report.html")


def test_plotly_is_named_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"chatlog\[report\]"):
        render(connection(1))


def test_the_command_and_the_library_name_from_as_many_users_on() -> None:
    assert signature(report).parameters["min_users"].default == MIN_USERS


def test_importing_the_report_imports_no_plotly() -> None:
    code = "import sys, chatlog.report; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
