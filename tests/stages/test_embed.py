from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.errors import ConfigError
from chatlog.models.embedders import MINILM
from chatlog.models.embedding_column import DIMENSIONS
from chatlog.models.embedding_config import EmbedConfig
from chatlog.schema import MESSAGES
from chatlog.stage import BatchFn
from chatlog.stages.embed import EMBED, open_embed, text_of

pytest.importorskip("sentence_transformers")


def turn(role: str, content: str | None) -> dict[str, object]:
    return {"role": role, "content": content, "name": None, "created_at": None}


ROWS: list[list[dict[str, object]] | None] = [
    [turn("user", "How do I bake bread?"), turn("assistant", "Mix flour and water.")],
    [turn("user", " \n"), turn("user", None), turn("user", "Why is the sky blue?")],
    [turn("assistant", "Hello, how can I help?")],
    None,
    [],
    [turn("user", "How do I bake bread?")],
]


def table(rows: list[list[dict[str, object]] | None]) -> pa.Table:
    return pa.table({"messages": pa.array(rows, MESSAGES)})


def numbers(out: pa.Table) -> list[list[float] | None]:
    column: list[list[float] | None] = out.column("embedding").to_pylist()
    return column


@pytest.fixture(scope="module")
def embed() -> Iterator[BatchFn]:
    with open_embed(EmbedConfig()) as batch:
        yield batch


def test_rows_without_text_of_the_user_are_null(embed: BatchFn) -> None:
    out = embed(table(ROWS))
    assert out.schema == EMBED.writes
    assert [value is None for value in numbers(out)] == [False, False, True, True, True, False]
    first, last = numbers(out)[0], numbers(out)[5]
    assert first == last
    assert first is not None
    np.testing.assert_allclose(np.linalg.norm(np.array(first, dtype=np.float32)), 1, atol=1e-3)


def test_a_batch_is_the_sum_of_its_parts(embed: BatchFn) -> None:
    whole = embed(table(ROWS))
    parts = pa.concat_tables([embed(table(ROWS[:2])), embed(table([])), embed(table(ROWS[2:]))])
    for one, other in zip(numbers(whole), numbers(parts), strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_allclose(one, other, atol=1e-3)
    assert embed(table(ROWS)).equals(whole)


def test_a_slice_reads_its_own_rows(embed: BatchFn) -> None:
    assert numbers(embed(table(ROWS).slice(1, 2))) == numbers(embed(table(ROWS[1:3])))


def test_parquet_keeps_vectors_and_nulls(embed: BatchFn, tmp_path: object) -> None:
    out = embed(table(ROWS))
    pq.write_table(out, f"{tmp_path}/part.parquet")
    assert pq.read_table(f"{tmp_path}/part.parquet").equals(out)


@pytest.mark.parametrize(
    ("which", "expected"),
    [("first_user", "a"), ("user", "a\n\nc"), ("conversation", "s\n\na\n\nb\n\nc")],
)
def test_which_text_is_embedded(which: str, expected: str) -> None:
    rows = [turn("system", "s"), turn("user", " a "), turn("assistant", "b"), turn("user", "c")]
    assert text_of(rows, which) == expected


def test_short_vectors_are_padded_with_zeros() -> None:
    with open_embed(EmbedConfig(model=MINILM, dimensions=32)) as batch:
        (vector,) = numbers(batch(table(ROWS[:1])))
    assert vector is not None and len(vector) == DIMENSIONS
    assert any(vector[:32]) and not any(vector[32:])


def test_a_name_that_leads_nowhere_is_found_at_plan_time() -> None:
    with pytest.raises(ConfigError):
        EMBED.check(EmbedConfig(model="no-such-model"))
