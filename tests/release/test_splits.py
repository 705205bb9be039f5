"""Splits and samples: by hash, so that they are the same everywhere and stay when rows are added."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatlog.deciding import sampled, with_parameters
from chatlog.errors import ConfigError
from chatlog.query import connect
from chatlog.release.export import export
from chatlog.release.splits import placed_query
from chatlog.release.verify import verify
from chatlog.settings import ReleaseSpec, valid
from tests.conftest import ROOT

_COLUMNS = ("row_id", "conversation_id", "battle_id", "language", "model", "prompt_cluster_id")


def spec(**settings: Any) -> ReleaseSpec:
    return valid(ReleaseSpec, {"select": "a.sql", "card": "b.j2"} | settings, "[release]")


def _made(rows: Sequence[dict[str, Any]]) -> pa.Table:
    kinds = [pa.int64(), pa.string(), pa.string(), pa.string(), pa.string(), pa.int64()]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(list(zip(_COLUMNS, kinds, strict=True))))


def _rows(count: int, **columns: Any) -> list[dict[str, Any]]:
    return [{"row_id": n, "conversation_id": f"c{n}", **columns, "prompt_cluster_id": n} for n in range(count)]


def drawn(rows: Sequence[dict[str, Any]], how: ReleaseSpec, dropped: int = 0) -> set[int]:
    """The row_ids that a sample keeps; the first `dropped` rows are dropped before for a reason of their own."""
    with duckdb.connect() as connection:
        connection.register("conversations", _made(rows))
        reason = f"CASE WHEN 'é' = 'è' THEN 'no' WHEN row_id < {dropped} THEN 'before' END AS reason"
        decide = f"SELECT row_id, {reason}, row_id AS told_by FROM conversations; -- and a comment; après"
        found = connection.execute(sampled(decide, how, _COLUMNS)).fetchall()
    assert sorted(row for row, _, _ in found) == sorted(row["row_id"] for row in rows)
    assert all(row == told_by for row, _, told_by in found)
    assert {row for row, reason, _ in found if reason == "before"} == set(range(min(dropped, len(rows))))
    assert {reason for _, reason, _ in found} <= {None, "before", "not sampled"}
    return {row for row, reason, _ in found if reason is None}


def placed(rows: Sequence[dict[str, Any]], how: ReleaseSpec, clustered: bool = True) -> dict[str, str]:
    """The split of each conversation_id."""
    names = list(how.splits)
    with duckdb.connect() as connection:
        connection.register("conversations", _made(rows))
        connection.execute(
            "CREATE TABLE decided AS SELECT row_id, NULL::VARCHAR AS reason, row_id AS told_by FROM conversations"
        )
        query = placed_query(how, _COLUMNS, clustered)
        found = connection.execute(f"SELECT conversation_id, split FROM ({query}) JOIN conversations USING (row_id)")
        return {name: names[split] for name, split in found.fetchall()}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    part=st.one_of(st.integers(1, 200), st.floats(0.01, 1.0)),
    dropped=st.integers(0, 5),
)
def test_strata_are_within_one_row_of_their_share(sizes: list[int], part: float, dropped: int) -> None:
    rows: list[dict[str, Any]] = []
    for stratum, size in enumerate(sizes):
        language, model = (None if stratum == 3 else f"l{stratum % 3}"), f"m{stratum}"
        rows += [{**row, "language": language, "model": model} for row in _rows(size)]
    rows = [{**row, "row_id": place, "conversation_id": f"c{place}"} for place, row in enumerate(rows)]
    kept = [row for row in rows if row["row_id"] >= dropped]
    taken = drawn(rows, spec(sample=part, stratify=["language", "model"]), dropped)
    wanted = min(part, len(kept)) if isinstance(part, int) else int(part * len(kept) + 0.5)
    assert len(taken) == wanted
    strata = Counter((row["language"], row["model"]) for row in kept)
    found = Counter((row["language"], row["model"]) for row in kept if row["row_id"] in taken)
    for stratum, size in strata.items():
        assert abs(found[stratum] - Fraction(wanted * size, len(kept))) < 1


def test_a_sample_is_drawn_by_the_seed_alone_and_grows_without_changing() -> None:
    rows = _rows(500, language="en")
    first = drawn(rows, spec(sample=100))
    assert first == drawn(list(reversed(rows)), spec(sample=100))
    assert first < drawn(rows, spec(sample=200))
    other = drawn(rows, spec(sample=100, seed=1))
    assert len(first & other) < 40  # 20 are expected
    # Rows that are added take the place of some, and put none back in.
    more = drawn(_rows(550, language="en"), spec(sample=100))
    assert {row for row in more if row < 500} < first


def test_the_sides_of_a_battle_are_drawn_and_placed_as_one() -> None:
    rows = [{**row, "battle_id": f"b{row['row_id'] // 2}"} for row in _rows(200)]
    how = spec(sample=30, format="chatbot_arena_conversations", splits={"train": 0.5, "test": 0.5})
    taken = drawn(rows, how)
    assert len(taken) == 60
    assert {row ^ 1 for row in taken} == taken
    found = placed(rows, how, clustered=False)
    assert all(found[f"c{n}"] == found[f"c{n + 1}"] for n in range(0, 200, 2))
    assert set(found.values()) == {"train", "test"}


@settings(max_examples=40, deadline=None)
@given(clusters=st.lists(st.integers(0, 30), min_size=2, max_size=120), more=st.integers(0, 30), seed=st.integers(0, 9))
def test_one_prompt_cluster_is_in_one_split_and_stays_there(clusters: list[int], more: int, seed: int) -> None:
    first: dict[int, int] = {}
    rows = [
        {"row_id": n, "conversation_id": f"c{n}", "prompt_cluster_id": first.setdefault(cluster, n)}
        for n, cluster in enumerate(clusters)
    ]
    how = spec(splits={"train": 0.6, "valid": 0.3, "test": 0.1}, seed=seed)
    found = placed(rows, how)
    assert len(found) == len(rows)
    by_cluster = [{found[f"c{n}"] for n, cluster in enumerate(clusters) if cluster == one} for one in set(clusters)]
    assert all(len(splits) == 1 for splits in by_cluster)
    # Logs that sort before these: every row_id changes, the conversations stay where they were.
    added = [{"row_id": n, "conversation_id": f"x{n}", "prompt_cluster_id": n} for n in range(more)]
    moved = [
        {**row, "row_id": row["row_id"] + more, "prompt_cluster_id": row["prompt_cluster_id"] + more} for row in rows
    ]
    again = placed(added + moved, how)
    assert {name: again[name] for name in found} == found


def test_splits_have_their_shares_and_other_seeds_give_others() -> None:
    rows = _rows(20_000)
    how = {"splits": {"train": 0.9, "test": 0.1}}
    found = Counter(placed(rows, spec(**how)).values())
    assert abs(found["test"] - 2_000) < 4 * (20_000 * 0.9 * 0.1) ** 0.5
    mine, other = placed(rows, spec(**how)), placed(rows, spec(**how, seed=7))
    both = sum(mine[name] == other[name] == "test" for name in mine)
    assert both < 300  # 200 are expected of two that have nothing to do with each other
    assert placed(rows[:10], spec()) == {f"c{n}": "train" for n in range(10)}
    by_model = placed([{**row, "model": f"m{row['row_id'] % 7}"} for row in rows], spec(**how, split_by="model"))
    assert all(len({by_model[f"c{n}"] for n in range(at, 20_000, 7)}) == 1 for at in range(7))


def test_a_share_is_exact_however_it_is_written() -> None:
    """The place of a row does not turn on how a machine adds 0.1 and 0.2."""
    rows = _rows(3_000)
    thirds = placed(rows, spec(splits={"a": 0.1, "b": 0.2, "c": 0.7}))
    merged = placed(rows, spec(splits={"ab": 0.3, "c": 0.7}))
    assert {name for name, split in thirds.items() if split == "c"} == {
        name for name, split in merged.items() if split == "c"
    }


def test_a_sampled_and_split_release_balances(curated: Path, tmp_path: Path) -> None:
    asked = [
        "release.sample=100",
        "release.stratify=['language']",
        "release.splits={train=0.8, test=0.2}",
        "release.seed=3",
    ]
    made = export(curated / "run", tmp_path / "out", ROOT / "pipelines/lmsys_chat.toml", asked)
    assert made.released == 100 == sum(split.rows for split in made.splits)
    assert made.dropped["not sampled"] == 272
    told = json.loads((tmp_path / "out/provenance.json").read_bytes())
    assert told["splits"] == {s.name: {"files": list(s.files), "rows": s.rows} for s in made.splits}
    assert told["files"] == [file for split in made.splits for file in split.files] == made.files
    assert {check.name for check in verify(tmp_path / "out") if not check.ok} == set()
    tables = {
        s.name: pa.concat_tables([pq.read_table(tmp_path / "out" / file) for file in s.files]) for s in made.splits
    }
    assert 5 < tables["test"].num_rows < 40
    with connect(curated / "run") as connection:
        kept = Counter(
            language
            for (language,) in connection.execute(
                "SELECT language FROM conversations JOIN decisions USING (row_id) WHERE reason IS NULL"
            ).fetchall()
        )
        cluster_of = dict(connection.execute("SELECT conversation_id, prompt_cluster_id FROM conversations").fetchall())
    found = Counter(language for table in tables.values() for language in table["language"].to_pylist())
    assert all(abs(found[language] - 100 * size / 372) < 1 for language, size in kept.items())
    clusters = [{cluster_of[name] for name in table["conversation_id"].to_pylist()} for table in tables.values()]
    assert not clusters[0] & clusters[1]


def test_what_reads_the_run_counts_the_sample_as_released(curated: Path) -> None:
    """`decisions` is the release's, whoever asks: the accounts of `verify`, the funnel, the report."""
    how = spec(select=ROOT / "sql/release/lmsys_chat.sql", card=ROOT / "data_cards/lmsys_chat.md.j2", sample=0.5)
    with connect(curated / "run", release=how) as connection:
        (released,) = connection.execute("SELECT n FROM funnel WHERE step = 'released'").fetchall()
    assert released == (186,)


def test_parameters_become_literals() -> None:
    queries = ["SELECT getvariable('a'), getvariable('b')", "SELECT getvariable('c') || getvariable('d')"]
    how = spec(parameters={"a": ["x", "it's"], "b": 2.5, "c": False})
    assert with_parameters(queries, how) == ["SELECT ['x', 'it''s'], 2.5", "SELECT false || NULL"]
    with pytest.raises(ConfigError, match=r"reads no 'z'; it reads a, b, c, d"):
        with_parameters(queries, spec(parameters={"z": 1}))


def test_stratify_by_a_column_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="no column 'languge'"):
        sampled("SELECT 1", spec(sample=1, stratify=["languge"]), _COLUMNS)
    with pytest.raises(ConfigError, match="is written by `dedup`, which this run does not have"):
        placed_query(spec(split_by="prompt_cluster_id"), _COLUMNS, clustered=False)
