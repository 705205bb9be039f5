"""Programs that people read a release with: datasets, polars, DuckDB and pandas, and the examples of its card."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from chatlog.schema import CATEGORIES
from tests.conftest import ROOT

EXAMPLE = ROOT / "docs/examples/lmsys_paper.py"


@pytest.fixture(scope="module")
def folder(curated: Path) -> Path:
    return curated / "dataset"


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "data").to_pylist()
    return found


@pytest.fixture(scope="module")
def languages(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(row["language"] for row in rows)


def prompts(rows: list[dict[str, Any]]) -> list[str]:
    return [row["conversation"][0]["content"] for row in rows]


def test_datasets(folder: Path, rows: list[dict[str, Any]], languages: Counter[str], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path))
    assert list(loaded) == rows
    assert len(loaded.filter(lambda row: row["language"] == "English")) == languages["English"]
    lengths = loaded.map(lambda row: {"length": len(row["conversation"][0]["content"])}, remove_columns=["topic"])
    assert list(lengths["length"]) == [len(prompt) for prompt in prompts(rows)]
    assert "topic" not in lengths.column_names
    assert loaded.to_polars().to_dicts() == rows
    assert loaded.select_columns(["turn"]).to_pandas()["turn"].sum() == sum(row["turn"] for row in rows)
    flagged = loaded.shuffle(seed=1).filter(
        lambda flags: [bool(flag) for flag in flags], input_columns="flagged", batched=True
    )
    assert sorted(flagged["conversation_id"]) == sorted(row["conversation_id"] for row in rows if row["flagged"])


def test_datasets_in_a_stream(folder: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    stream = datasets.load_dataset(str(folder), split="train", streaming=True, cache_dir=str(tmp_path))
    assert stream.features is not None and list(stream) == rows
    some = stream.filter(lambda row: row["turn"] > 1).map(lambda row: {"turns": row["turn"]}).take(5)
    assert [row["turns"] for row in some] == [row["turn"] for row in rows if row["turn"] > 1][:5]
    assert [row["conversation_id"] for row in stream.skip(370)] == [row["conversation_id"] for row in rows[370:]]


def test_polars(folder: Path, rows: list[dict[str, Any]], languages: Counter[str]) -> None:
    scan = pl.scan_parquet(folder / "data/*.parquet")
    assert scan.collect().to_dicts() == rows
    counted = scan.group_by("language").len().collect()
    assert dict(counted.iter_rows()) == languages
    first = scan.select(pl.col("conversation").list.first().struct.field("content")).collect()
    assert first["content"].to_list() == prompts(rows)
    # Scores of a category that lies three levels deep.
    worst = scan.select(
        pl.col("openai_moderation")
        .list.eval(pl.element().struct.field("category_scores").struct.field("self-harm/intent"))
        .list.max()
    ).collect()
    assert worst.to_series().to_list() == [
        max((one["category_scores"]["self-harm/intent"] for one in row["openai_moderation"]), default=None)
        for row in rows
    ]
    lazy = scan.filter(pl.col("language") == "English", pl.col("turn") > 1).select("conversation_id")
    assert lazy.collect()["conversation_id"].to_list() == [
        row["conversation_id"] for row in rows if row["language"] == "English" and row["turn"] > 1
    ]


def test_duckdb(folder: Path, rows: list[dict[str, Any]], languages: Counter[str]) -> None:
    with duckdb.connect() as connection:
        source = f"read_parquet('{folder}/data/*.parquet')"
        assert dict(connection.execute(f"SELECT language, count(*) FROM {source} GROUP BY 1").fetchall()) == languages
        unnested = connection.execute(
            f"SELECT count(*), sum(len(m.content)) FROM (SELECT unnest(conversation) AS m FROM {source})"
        ).fetchone()
        contents = [message["content"] for row in rows for message in row["conversation"]]
        assert unnested == (len(contents), sum(map(len, contents)))
        flags = connection.execute(
            f"SELECT count(*) FROM {source} "
            "WHERE list_bool_or(list_transform(openai_moderation, lambda o: o.categories.hate))"
        ).fetchone()
        assert flags == (sum(any(one["categories"]["hate"] for one in row["openai_moderation"]) for row in rows),)


def test_pandas(folder: Path, rows: list[dict[str, Any]], languages: Counter[str]) -> None:
    pandas = pytest.importorskip("pandas")
    (file,) = (folder / "data").iterdir()
    frame = pandas.read_parquet(file)
    assert frame["language"].value_counts().to_dict() == languages
    assert [talk[0]["content"] for talk in frame["conversation"]] == prompts(rows)
    assert frame["redacted"].dtype == bool and int(frame["turn"].sum()) == sum(row["turn"] for row in rows)
    narrow = pandas.read_parquet(file, columns=["model"], filters=[("language", "==", "English")])
    assert len(narrow) == languages["English"] and list(narrow) == ["model"]


def test_the_examples_of_the_card_run(
    folder: Path,
    rows: list[dict[str, Any]],
    languages: Counter[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("pandas")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert [
        next(
            name
            for name in ("datasets", "polars", "duckdb", "pandas")
            if f" {name} import" in block or f"import {name}" in block
        )
        for block in blocks
    ] == [
        "datasets",
        "polars",
        "duckdb",
        "pandas",
    ]
    printed = []
    for number, block in enumerate(blocks):
        local = block.replace("hf://datasets/ORG/NAME", str(folder)).replace("ORG/NAME", str(folder))
        script = tmp_path / f"example_{number}.py"
        script.write_text(local)
        assert local != block
        runpy.run_path(str(script))
        printed.append(capsys.readouterr().out)
    assert repr(rows[0]["conversation"][0]["content"])[1:-1][:20] in printed[0]
    assert str(languages["English"]) in printed[1] and "English" in printed[1]
    assert str(len(rows)) in printed[2]
    assert "conversation_id" in printed[3]


def test_the_paper_s_tables_are_those_of_the_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    paper = runpy.run_path(str(EXAMPLE))
    scan = paper["scan"](str(folder))
    first = paper["table_1"](scan).row(0, named=True)
    contents: dict[str, list[int]] = {"user": [], "assistant": []}
    for row in rows:
        for message in row["conversation"]:
            contents[message["role"]].append(len(message["content"]))
    assert first == {
        "conversations": len(rows),
        "models": len({row["model"] for row in rows}),
        "languages": len({row["language"] for row in rows} - {"unknown"}),
        "turns a conversation": pytest.approx(sum(row["turn"] for row in rows) / len(rows)),
        "characters a prompt": pytest.approx(sum(contents["user"]) / len(contents["user"])),
        "characters a response": pytest.approx(sum(contents["assistant"]) / len(contents["assistant"])),
    }
    by_model = paper["counted"](scan, "model")
    assert dict(by_model.iter_rows()) == Counter(row["model"] for row in rows)
    assert by_model["conversations"].to_list() == sorted(by_model["conversations"], reverse=True)
    second = dict(paper["table_2"](scan).iter_rows())
    assert second["flagged"] == sum(bool(row["flagged"]) for row in rows)
    for group, names in paper["CATEGORIES"].items():
        assert second[group] == sum(
            any(one["categories"][name] for one in row["openai_moderation"] for name in names) for row in rows
        )
    assert sorted(name for names in paper["CATEGORIES"].values() for name in names) == sorted(CATEGORIES)
    tried, succeeded = Counter[str](), Counter[str]()
    for row in rows:
        roles = {
            m["role"] for m, one in zip(row["conversation"], row["openai_moderation"], strict=True) if one["flagged"]
        }
        tried[row["model"]] += "user" in roles
        succeeded[row["model"]] += {"user", "assistant"} <= roles
    found = paper["attempts"](scan).to_dicts()
    assert {row["model"]: row["attempts"] for row in found} == dict(tried)
    assert {row["model"]: row["successes"] for row in found} == dict(succeeded)
    assert sum(tried.values()) > 10 and sum(succeeded.values()) > 0


def test_the_paper_s_script_runs_by_itself(folder: Path) -> None:
    made = subprocess.run(
        [sys.executable, str(EXAMPLE), str(folder)], capture_output=True, text=True, check=True, cwd=folder
    )
    assert "Table 2: flagged conversations by category" in made.stdout and made.stderr == ""
    told = json.loads((folder / "provenance.json").read_bytes())
    assert f" {told['counts']['released']} " in made.stdout
