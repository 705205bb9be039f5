"""views.sql on releases of every format, read by DuckDB without chatlog."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chatlog.query.reports import reports
from chatlog.release.export import export
from chatlog.release.verify import verify
from chatlog.release.views import VIEWS
from chatlog.schema import CATEGORIES
from tests.conftest import ROOT

RECIPES = ("lmsys_chat", "arena", "wildchat", "training")
formats = pytest.mark.parametrize("recipe", RECIPES)

# A client that knows nothing of chatlog, in a folder of its own.
_CLIENT = """
import duckdb, json, sys
connection = duckdb.connect()
for statement in json.loads(sys.argv[1]):
    connection.execute(statement)
connection.execute(open(sys.argv[2]).read())
answers = {}
for query in json.loads(sys.argv[3]):
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    answers[query] = [dict(zip(names, row)) for row in cursor.fetchall()]
print(json.dumps(answers, default=str))
"""


def asked(folder: Path, queries: list[str], *first: str, views: str = VIEWS) -> dict[str, list[dict[str, Any]]]:
    command = [sys.executable, "-I", "-c", _CLIENT, json.dumps(first), views, json.dumps(queries)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def releases(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("releases")
    for recipe in RECIPES:
        export(curated / "run", folder / recipe, ROOT / "pipelines" / f"{recipe}.toml")
    return {recipe: folder / recipe for recipe in RECIPES}


def published(release: Path) -> list[dict[str, Any]]:
    return pl.concat([pl.read_parquet(path) for path in sorted((release / "data").glob("*.parquet"))]).to_dicts()


@formats
def test_views_tell_what_the_files_hold(releases: dict[str, Path], recipe: str) -> None:
    rows = published(releases[recipe])
    talks = [
        row[name]
        for row in rows
        for name in ("conversation", "conversation_a", "conversation_b", "messages")
        if name in row
    ]
    found = asked(
        releases[recipe],
        ["FROM published", "FROM messages", "FROM languages", "FROM models", "FROM topics", "FROM summary"],
    )
    files = (releases[recipe] / "data").glob("*.parquet")
    splits = {path.name.split("-")[0]: pl.read_parquet(path).height for path in files}
    assert Counter(row["split"] for row in found["FROM published"]) == splits
    told = [(row["role"], row["content"]) for row in found["FROM messages"]]
    assert Counter(told) == Counter((m["role"], m["content"]) for talk in talks for m in talk)
    assert sum(row["conversations"] for row in found["FROM models"]) == len(talks) == len(found["FROM summary"])
    assert sum(row["share"] for row in found["FROM languages"]) == pytest.approx(1)
    sides = 2 if recipe == "arena" else 1
    assert {row["label"]: row["size"] for row in found["FROM topics"]} == {
        topic: sides * n for topic, n in Counter(row["topic"] for row in rows).items() if topic is not None
    }
    turns = sum(m["role"] == "user" for talk in talks for m in talk)
    assert sum(row["prompts"] for row in found["FROM summary"]) == turns


@formats
def test_flat_moderation_is_the_nested_one(releases: dict[str, Path], recipe: str) -> None:
    flat = asked(releases[recipe], ["FROM moderation"])["FROM moderation"]
    judged = [row["openai_moderation"] for row in published(releases[recipe]) if row.get("openai_moderation")]
    each = [
        one for found in judged for one in (found if isinstance(found, list) else [found]) if one["flagged"] is not None
    ]
    assert len(flat) == len(each) and bool(flat) == (recipe != "training")
    for name in CATEGORIES:
        column = name.replace("/", "_").replace("-", "_")
        assert Counter(row[column] for row in flat) == Counter(one["categories"][name] for one in each)
        assert sum(row[f"score_{column}"] for row in flat) == pytest.approx(
            sum(one["category_scores"][name] for one in each)
        )


@formats
def test_reports_run_there_too(releases: dict[str, Path], recipe: str) -> None:
    names = {one.name: one for one in reports() if one.on_release}
    found = asked(releases[recipe], [f"FROM report_{name}" for name in names])
    for name in names:
        assert all(tuple(row) == names[name].columns for row in found[f"FROM report_{name}"]), name
    count = len(published(releases[recipe])) * (2 if recipe == "arena" else 1)
    (told,) = [row["value"] for row in found["FROM report_table_1"] if row["measure"] == "conversations"]
    assert told == count == sum(row["conversations"] for row in found["FROM report_turns"])
    if recipe == "arena":
        assert sum(row["battles"] for row in found["FROM report_battles"]) == count
        assert sum(row["wins"] for row in found["FROM report_battles"]) > 0
    comments = "SELECT view_name, comment FROM duckdb_views() WHERE view_name LIKE 'report_%'"
    told_of = {row["view_name"]: row["comment"] for row in asked(releases[recipe], [comments])[comments]}
    assert told_of == {f"report_{name}": one.question for name, one in names.items()}


def test_a_release_elsewhere_is_named_by_a_variable(releases: dict[str, Path], tmp_path: Path) -> None:
    release = releases["lmsys_chat"]
    here = asked(release, ["FROM report_models"])
    first = f"SET VARIABLE release = '{release}'"
    assert asked(tmp_path, ["FROM report_models"], first, views=str(release / VIEWS)) == here
    assert str(release.parent) not in (release / VIEWS).read_text()


def test_it_is_part_of_the_release(releases: dict[str, Path]) -> None:
    assert all(check.ok for check in verify(releases["lmsys_chat"]))
    assert VIEWS in (releases["lmsys_chat"] / "SHA256SUMS").read_text()
