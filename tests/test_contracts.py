"""Every stage against every promise of chatlog.stage."""

from __future__ import annotations

import random
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from chatlog.schema import KEY, ROWS
from chatlog.stage import AnyStage, GlobalStage, Stage, held
from chatlog.stages import STAGES

ROW_STAGES = [stage for stage in STAGES if isinstance(stage, Stage)]
GLOBAL_STAGES = [stage for stage in STAGES if isinstance(stage, GlobalStage)]
names = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
rows_only = pytest.mark.parametrize("stage", ROW_STAGES, ids=lambda stage: stage.name)
globals_only = pytest.mark.parametrize("stage", GLOBAL_STAGES, ids=lambda stage: stage.name)

TURNS = (
    ("user", "How do I bake bread with rye flour? My name is Ruth Okafor, write to ruth@example.org."),
    ("assistant", "Dear Ruth, mix 500 g of flour with water; call 555-0134 if it fails."),
    ("user", "¿Cuál es la capital de Perú? Mi tarjeta es 4111 1111 1111 1111."),
    ("assistant", "Lima. 了解しました。ありがとうございます。"),
    ("user", "def f(x):\n    return x ** 2  # what does this do?"),
    ("user", "ok"),
    ("user", ""),
    ("assistant", None),
    ("tool", '{"temperature": 21.5}'),
    ("user", "Скажи, пожалуйста, как пройти в библиотеку? 🙂"),
    ("user", "مرحبا، كيف يمكنني تعلم العزف على العود؟"),
    ("assistant", "x" * 9000),
)


def messages(count: int, seed: int) -> list[Any]:
    rng = random.Random(seed)
    found: list[Any] = []
    for number in range(count):
        if number % 11 == 5:
            found.append(None)
        elif number % 11 == 7:
            found.append([])
        else:
            found.append([{"role": role, "content": content} for role, content in rng.sample(TURNS, rng.randint(1, 5))])
    return found


@cache
def batch(count: int, seed: int = 0) -> pa.Table:
    """A table with every column that any stage reads or ingest writes, written by the stages themselves."""
    columns: dict[str, Any] = {KEY.name: pa.array(range(count), KEY.type)}
    for field in ROWS:
        columns[field.name] = pa.nulls(count, field.type)
    columns["messages"] = pa.array(messages(count, seed), ROWS.field("messages").type)
    columns["conversation_id"] = pa.array([f"c{number}" for number in range(count)])
    columns["system"] = pa.array(["Speak to Ann Lee." if number % 3 == 0 else None for number in range(count)])
    table = pa.table(columns)
    for stage in STAGES:
        made = apply(stage, table)
        for name in stage.writes.names:
            if name not in table.column_names:
                table = table.append_column(stage.writes.field(name), made[name])
    return table


def apply(stage: AnyStage, table: pa.Table) -> pa.Table:
    if isinstance(stage, GlobalStage):
        given = table.select([KEY.name, *stage.reads.names])
        return pa.concat_tables(stage.run(stage.config(), [held(given)]))
    with opened(stage) as function:
        return function(table.select(stage.reads.names))


class opened:
    """A stage's batch function with default settings; models are loaded once for the whole session."""

    functions: ClassVar[dict[str, Any]] = {}

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __enter__(self) -> Any:
        if self.stage.name not in self.functions:
            self.functions[self.stage.name] = self.stage.open(self.stage.config()).__enter__()
        return self.functions[self.stage.name]

    def __exit__(self, *_: object) -> None:
        return None


def assert_close(left: pa.Table, right: pa.Table) -> None:
    """Equal, floats within 1e-3: sums of floats depend on the shape of a batch."""
    assert left.schema == right.schema
    for name in left.column_names:
        close(left[name].to_pylist(), right[name].to_pylist(), name)


def close(left: Any, right: Any, where: str) -> None:
    if isinstance(left, float) and isinstance(right, float):
        assert abs(left - right) <= 1e-3, where
    elif isinstance(left, list) and isinstance(right, list):
        assert len(left) == len(right), where
        if left and isinstance(left[0], float | np.floating):
            assert np.allclose(left, right, atol=1e-3), where
        else:
            for one, two in zip(left, right, strict=True):
                close(one, two, where)
    elif isinstance(left, dict) and isinstance(right, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            close(left[key], right[key], f"{where}.{key}")
    else:
        assert left == right, where


@names
def test_a_stage_declares_nullable_columns_and_no_key(stage: AnyStage) -> None:
    assert stage.writes.names and KEY.name not in stage.writes.names
    assert all(field.nullable for field in stage.writes)
    assert stage.version >= 1 and stage.name.isidentifier()


@rows_only
def test_what_means_failed_stands_in_a_column_of_text_that_it_writes(stage: Stage) -> None:
    assert stage.retry is None or stage.writes.field(stage.retry[0]).type == pa.string()


@names
def test_its_settings_have_defaults_survive_json_and_refuse_unknown_keys(stage: AnyStage) -> None:
    config = stage.config()
    assert stage.config.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="extra"):
        stage.config.model_validate({"no_such_setting": 1})
    stage.check(config)


@names
def test_every_setting_is_documented(stage: AnyStage) -> None:
    import ast
    import inspect
    import textwrap

    body = ast.parse(textwrap.dedent(inspect.getsource(stage.config))).body[0]
    assert isinstance(body, ast.ClassDef)
    for place, node in enumerate(body.body):
        if isinstance(node, ast.AnnAssign) and not str(getattr(node.target, "id", "")).startswith("_"):
            after = body.body[place + 1] if place + 1 < len(body.body) else None
            documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            assert documented, f"{stage.name}.{getattr(node.target, 'id', '')} has no docstring"


@rows_only
def test_an_empty_batch_gives_an_empty_batch(stage: Stage) -> None:
    with opened(stage) as function:
        made = function(stage.reads.empty_table())
    assert made.num_rows == 0
    assert made.select(stage.writes.names).schema == stage.writes


@rows_only
def test_rows_and_schema_are_as_declared(stage: Stage) -> None:
    made = apply(stage, batch(23))
    assert made.num_rows == 23
    assert made.select(stage.writes.names).schema.remove_metadata() == stage.writes


@rows_only
def test_a_row_does_not_depend_on_its_neighbours(stage: Stage) -> None:
    table = batch(23)
    whole = apply(stage, table)
    halves = pa.concat_tables([apply(stage, table.slice(0, 9)), apply(stage, table.slice(9))])
    assert_close(whole.select(stage.writes.names), halves.select(stage.writes.names))


@rows_only
def test_the_same_batch_gives_the_same_bytes(stage: Stage) -> None:
    first, second = apply(stage, batch(23)), apply(stage, batch(23))
    assert first.equals(second)


@rows_only
def test_the_batch_that_was_given_is_not_changed(stage: Stage) -> None:
    table = batch(23).select(stage.reads.names)
    before = pa.concat_tables([table]).to_pylist()
    with opened(stage) as function:
        function(table)
    assert table.to_pylist() == before


@globals_only
def test_a_global_stage_yields_one_table_a_shard_in_order(stage: GlobalStage) -> None:
    table = batch(23).select([KEY.name, *stage.reads.names])
    shards = [table.slice(0, 10), table.slice(10, 0), table.slice(10)]
    made = list(stage.run(stage.config(), [held(shard) for shard in shards]))
    assert [item.num_rows for item in made] == [10, 0, 13]
    assert all(item.schema.remove_metadata() == stage.writes for item in made)
    again = list(stage.run(stage.config(), [held(shard) for shard in shards]))
    assert all(one.equals(two) for one, two in zip(made, again, strict=True))


@globals_only
def test_a_global_stage_on_no_rows_and_on_no_shards(stage: GlobalStage) -> None:
    empty = batch(0).select([KEY.name, *stage.reads.names])
    assert [item.num_rows for item in stage.run(stage.config(), [held(empty)])] == [0]
    assert list(stage.run(stage.config(), [])) == []
