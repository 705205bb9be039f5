"""docs/sql.md tells the views, the questions and examples as they are."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from chatlog.query import connect
from chatlog.query.reports import reports
from chatlog.release.views import VIEWS, write_views
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "sql.md").read_text()
OF_A_RUN, OF_A_RELEASE = PAGE.split("## A downloaded release")


def queries(text: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_views_and_their_columns_are_told(curated: Path) -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (`[^|]+`) \|$", OF_A_RUN, re.MULTILINE))
    with connect(curated / "run") as connection:
        found = connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL FROM (VALUES ('stages'), ('canaries'))"
        )
        names = {name for (name,) in found.fetchall() if not name.startswith("stage_")} - {"topic_model"}
        columns = {
            name: ", ".join(f"`{column}`" for column, *_ in connection.execute(f"DESCRIBE {name}").fetchall())
            for name in names
        }
    assert told == columns


def test_every_figure_of_summary_is_told(curated: Path) -> None:
    with connect(curated / "run") as connection:
        own = {name for name, *_ in connection.execute("DESCRIBE summary").fetchall()}
        own -= {name for name, *_ in connection.execute("DESCRIBE conversations").fetchall()} - {"messages"}
    table = OF_A_RUN.split("| columns | what they tell |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)))) == own


def test_questions_are_told() -> None:
    told = re.findall(r"^\| `(\w+)` \| (.+?) \| (yes)? ?\|$", PAGE.split("## Questions that ship")[1], re.MULTILINE)
    assert told == [(one.name, one.question, "yes" if one.on_release else "") for one in reports()]


@pytest.mark.parametrize("query", queries(OF_A_RUN))
def test_examples_of_a_run_answer(curated: Path, query: str) -> None:
    with connect(curated / "run") as connection:
        assert connection.execute(query).fetchall()


@pytest.mark.parametrize("query", queries(OF_A_RELEASE))
def test_examples_of_a_release_answer(curated: Path, tmp_path: Path, query: str) -> None:
    (tmp_path / "data").symlink_to(curated / "dataset" / "data")
    write_views(tmp_path, "lmsys-chat-1m")
    with duckdb.connect() as connection:
        connection.execute(f"SET VARIABLE release = '{tmp_path}'")
        connection.execute((tmp_path / VIEWS).read_text())
        assert connection.execute(query).fetchall()
