from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from chatlog import interval
from chatlog.moderation.rates import account
from chatlog.moderation.reading import judged_run
from chatlog.query import connect
from chatlog.report.charts import line
from chatlog.report.paper import PAPER
from chatlog.report.points import MISSING, POINTS, levels, map_data, score_data, start_of
from chatlog.report.safety import CONDITION, COUNTS
from chatlog.report.shares import wilson
from tests.report.run_views import HOSTILE, RARE_TOPIC, connection


def unpacked(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def test_levels_are_exactly_the_comparisons_of_sql(views: duckdb.DuckDBPyConnection) -> None:
    steps = np.arange(101) / 100
    scores = np.unique(np.concatenate([steps, np.nextafter(steps, 0), np.nextafter(steps, 1), [np.nan]]))
    scores = scores[~(scores < 0)]
    found = levels(scores)
    for step in range(1, 101):
        told = views.execute(f"SELECT list(s >= {step / 100} ORDER BY i) FROM (SELECT unnest(?) AS s, unnest(?) AS i)",
                           [[float(s) for s in scores], list(range(len(scores)))]).fetchone()  # fmt: skip
        assert told is not None
        # DuckDB holds NaN above every number; a score that is not there is null in a run.
        expected = [bool(hit) for hit, score in zip(told[0], scores, strict=True) if not np.isnan(score)]
        assert (found[~np.isnan(scores)] >= step).tolist() == expected
    assert found[np.isnan(scores)].tolist() == [MISSING]


def test_the_map_holds_what_its_query_gives(views: duckdb.DuckDBPyConnection) -> None:
    told = map_data(views, 10)
    assert told is not None
    rows = views.execute(POINTS).fetchall()
    x, y = unpacked(told["x"], "<u2").astype(float), unpacked(told["y"], "<u2").astype(float)
    assert len(x) == told["n"] == len(rows)
    # One scale for both: distances keep their proportions.
    across, up = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    scale = 65535 / max(np.ptp(across), np.ptp(up))
    assert np.allclose(x, (across - across.min()) * scale, atol=1) and np.allclose(y, (up - up.min()) * scale, atol=1)
    languages = [told["languages"][code] for code in unpacked(told["language"], "u1")]
    assert languages == [row[3] for row in rows]
    models = [told["models"][code] for code in unpacked(told["model"], "u1")]
    assert models == [line(row[4], 60) for row in rows]
    assert unpacked(told["flagged"], "u1").tolist() == [int(row[5]) for row in rows]
    names = [told["topics"][place]["name"] for place in unpacked(told["topic"], "<u2")]
    assert {name for name, row in zip(names, rows, strict=True) if row[2] == 1} == {"python, function, list"}
    # A topic of one user has no name, and one without a label its number.
    assert {name for name, row in zip(names, rows, strict=True) if row[2] == RARE_TOPIC} == {f"topic {RARE_TOPIC}"}
    assert told["themes"][0] == "at home" and told["themes"][1].startswith(HOSTILE[:20])


def test_the_map_does_without_themes_names_and_topics() -> None:
    con = connection(60)
    con.execute("UPDATE topics SET parent = NULL")
    told = map_data(con, 10)
    assert told is not None and told["themes"] == []
    con.execute("UPDATE conversations SET topic_id = NULL WHERE row_id % 2 = 0; DELETE FROM topics")
    told = map_data(con, 10)
    assert told is not None and all(topic["name"].startswith("topic ") for topic in told["topics"])
    assert (unpacked(told["topic"], "<u2") == len(told["topics"])).any()
    con.execute("UPDATE conversations SET topic_x = NULL")
    assert map_data(con, 10) is None


def test_no_text_and_no_name_of_a_conversation_is_packed(views: duckdb.DuckDBPyConnection) -> None:
    packed = json.dumps([map_data(views, 10), score_data(views, 10)])
    assert "some words" not in packed and "secret" not in packed and "u17" not in packed


def test_scores_count_as_the_query_does(views: duckdb.DuckDBPyConnection) -> None:
    told = score_data(views, 10)
    assert told is not None
    names = [category["name"] for category in told["categories"]]
    # The made-up guard flags from 0.5 on: there its sliders stand, and count what it flagged.
    assert all(45 <= category["start"] <= 56 for category in told["categories"])
    steps = [30 + 5 * place for place in range(len(names))]
    hits = [unpacked(told["levels"][name], "u1") >= step for name, step in zip(names, steps, strict=True)]
    terms = [f'"{name}" >= {step / 100}' for name, step in zip(names, steps, strict=True)]
    counts = ", ".join(f'count(*) FILTER ({term}) AS "{name}"' for term, name in zip(terms, names, strict=True))
    rows = views.execute(told["sql"]["category"].replace(COUNTS, counts)).fetchall()
    assert dict(rows) == {name: int(hit.sum()) for name, hit in zip(names, hits, strict=True)}
    rows = views.execute(told["sql"]["model"].replace(CONDITION, " OR ".join(terms))).fetchall()
    codes = unpacked(told["groups"]["model"]["codes"], "u1")
    assert sum(row[1] for row in rows) == told["n"]
    assert sorted(row[3] for row in rows) == sorted(
        np.bincount(codes, weights=np.any(hits, axis=0)).astype(int).tolist()
    )


def test_intervals_in_sql_are_those_of_the_library(views: duckdb.DuckDBPyConnection) -> None:
    counts = [(0, 20), (1, 20), (7, 25), (20, 20), (90, 1000)]
    rows = views.execute(f"SELECT {wilson('hits', 'n')} FROM (VALUES {str(counts)[1:-1]}) AS t(hits, n)").fetchall()
    assert np.allclose(rows, [interval.wilson(*count) for count in counts], atol=1e-4)
    assert rows[0][0] == 0 and rows[3][1] == 1


@pytest.mark.parametrize(
    ("lowest", "highest", "start"),
    [(0.63, 0.6, 63), (0.635, 0.2, 63), (None, 0.9, 50), (0.4, 0.7, 50), (0.004, None, 1)],
)
def test_a_slider_stands_where_the_scores_show_the_threshold(
    lowest: float | None, highest: float | None, start: int
) -> None:
    assert start_of({"lowest_flagged": lowest, "highest_unflagged": highest}) == start


@pytest.mark.slow
def test_the_papers_tables_agree_with_the_moderation_account(curated: Path) -> None:
    found = account(judged_run(curated / "run"))
    queries = {figure.name: figure.sql for figure in PAPER.figures}
    with connect(curated / "run") as run:
        attempts = {row[0]: row[1:4] for row in run.execute(queries["paper-table-4"]).fetchall()}
        (total,) = [row[1] for row in run.execute(queries["paper-table-2"]).fetchall() if row[0] == "total"]
    expected = {
        row["model"] or "unknown": (row["attempts"], row["successes"], row["undetermined"])
        for row in found.jailbreaks
        if row["attempts"]
    }
    assert attempts == expected and expected
    assert total == found.totals["touched"]
