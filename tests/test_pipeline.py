from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatlog.errors import ConfigError, MissingExtra
from chatlog.pipeline import load, parse, plan
from tests.conftest import ROOT

SOURCE = {"reader": "openai_messages", "paths": ["logs"]}


def told(data: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        plan(parse({"source": [SOURCE]} | data, ROOT))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"stages": []}, "unknown key 'stages' in the pipeline (did you mean 'stage'?)"),
        ({"source": []}, "has no [[source]]"),
        ({"source": [{"reader": "openai_messages"}]}, "source 1: paths: Field required"),
        ({"source": [{"reader": "openai", "paths": ["x"]}]}, "no reader is named 'openai'"),
        ({"source": [{"reader": "auto", "paths": ["x"], "branches": "all"}]}, "need a named reader"),
        ({"source": [SOURCE | {"no_setting": 1}]}, "unknown key 'no_setting'"),
        ({"stage": [{"use": "dedupe"}]}, "unknown stage 'dedupe' (did you mean 'dedup'?)"),
        ({"stage": [{"where": "kept"}]}, "has no `use`"),
        ({"stage": [{"use": "language"}, {"use": "language"}]}, "stands twice"),
        ({"stage": [{"use": "fingerprint", "shingles": 3}]}, "unknown key 'shingles' (did you mean 'shingle'?)"),
        ({"stage": [{"use": "fingerprint", "shingle": "x"}]}, "stage fingerprint: shingle"),
        ({"stage": [{"use": "fingerprint", "bands": 7}]}, "should divide permutations"),
        (
            {"stage": [{"use": "dedup"}]},
            "reads the column 'text_hash', which nothing before it writes; put `fingerprint` before it",
        ),
        (
            {"stage": [{"use": "language", "where": "kept"}]},
            "needs a boolean column, found no such column; put `dedup` before it",
        ),
        ({"stage": [{"use": "language", "where": "model"}]}, "needs a boolean column, found string"),
        ({"stage": [{"use": "language", "where": 3}]}, "name of a boolean column"),
        ({"stage": {"use": "language"}}, "array of tables"),
        ({"ingest": {"shard_rows": 0}}, "[ingest]: shard_rows"),
        ({"release": {"select": "none.sql", "card": "none.j2"}}, "no such file"),
    ],
)
def test_a_mistake_is_told_before_any_work(data: dict[str, Any], expected: str) -> None:
    assert expected in told(data)


def test_the_plan_knows_the_last_writer_of_every_column() -> None:
    tables = [
        {"use": "fingerprint"},
        {"use": "dedup"},
        {"use": "redact", "where": "kept"},
        {"use": "language", "where": "kept"},
    ]
    planned = plan(parse({"source": [SOURCE], "stage": tables}, ROOT))
    assert planned.writers["messages"] == "redact"
    assert planned.writers["meta"] == "ingest"
    language = planned.steps[-1]
    assert dict(language.inputs) == {"messages": "redact", "kept": "dedup"}


def test_until_ends_the_plan() -> None:
    pipeline = parse({"source": [SOURCE], "stage": [{"use": "fingerprint"}, {"use": "dedup"}]}, ROOT)
    assert [step.name for step in plan(pipeline, "fingerprint").steps] == ["fingerprint"]
    assert plan(pipeline, "ingest").steps == ()
    with pytest.raises(ConfigError, match="did you mean 'dedup'"):
        plan(pipeline, "dedupe")


@pytest.mark.parametrize("recipe", sorted((ROOT / "pipelines").glob("*.toml")), ids=lambda path: path.name)
def test_the_recipes_that_ship_are_valid(recipe: Path) -> None:
    loaded = load(recipe)
    try:
        plan(loaded)
    except (ConfigError, MissingExtra) as error:
        # A recipe for a GPU names an example of a model, and an engine that is not installed here.
        assert recipe.name == "moderate_gpu.toml" and ("/models/" in str(error) or "vllm" in str(error))


def test_settings_and_inputs_can_be_overridden(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[[source]]\nreader = "sharegpt"\npaths = ["a"]\n[[stage]]\nuse = "fingerprint"\n')
    loaded = load(recipe, ["fingerprint.shingle=7", "ingest.shard_rows=9"], ["b.json"])
    assert loaded.name == "mine"
    assert loaded.steps[0].config.model_dump()["shingle"] == 7
    assert loaded.limits.shard_rows == 9
    assert loaded.sources[0].reader == "sharegpt" and loaded.sources[0].paths == (str(Path("b.json").absolute()),)
    for wrong in ("shingle=7", "fingerprint.shingle", "dedup.threshold=0.5"):
        with pytest.raises(ConfigError, match="--set"):
            load(recipe, [wrong])


def test_several_sources_replaced_by_inputs_become_one_that_is_recognised(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        '[[source]]\nreader = "sharegpt"\npaths = ["a"]\n[[source]]\nreader = "fastchat"\npaths = ["b"]\n'
    )
    assert [source.reader for source in load(recipe, inputs=["x"]).sources] == ["auto"]


@pytest.mark.parametrize("text", ["not toml", "\xff", "source = 3"])
def test_a_file_that_is_no_pipeline(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError):
        load(recipe)
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "none.toml")


def test_a_global_stage_reads_what_it_can_use_where_a_stage_before_writes_it() -> None:
    steps = {"stage": [{"use": "redact"}, {"use": "embed"}, {"use": "topics"}], "source": [SOURCE]}
    after = plan(parse(steps, Path())).steps[-1].inputs
    assert after["redacted"] == after["messages"] == "redact" and after["user_key"] == "ingest"
    before = plan(parse({**steps, "stage": steps["stage"][1:]}, Path())).steps[-1].inputs
    assert "redacted" not in before and before["messages"] == "ingest"
