from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.engine.store import write_table
from chatlog.models.embedding_column import DIMENSIONS, EMBEDDING, halves, to_column, used_width


def test_vectors_come_back_and_nulls_stay_out(tmp_path: object) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 896)).astype(np.float16)
    there = np.array([True, False, True, True, False])
    column = to_column(vectors, there)
    assert column.type == EMBEDDING and column.is_valid().to_pylist() == there.tolist()
    found, read = halves(pa.chunked_array([column.slice(0, 2), column.slice(2)]))
    assert found.tolist() == there.tolist()
    assert read.shape == (3, DIMENSIONS) and np.array_equal(read[:, :896], vectors) and not read[:, 896:].any()
    assert used_width(read) == 896


def test_a_column_without_rows_or_vectors() -> None:
    nothing, vectors = halves(pa.chunked_array([], EMBEDDING))
    assert not len(nothing) and vectors.shape == (0, DIMENSIONS) and used_width(vectors) == 0
    column = to_column(np.zeros((0, 0), dtype=np.float16), np.zeros(4, dtype=bool))
    assert column.null_count == 4


def test_the_width_counts_every_row_and_no_sign_of_zero() -> None:
    vectors = np.zeros((4, DIMENSIONS), dtype=np.float16)
    assert used_width(vectors) == 0
    vectors[2, 700] = -0.0
    vectors[1, 500] = 6e-8  # the least that is not zero
    assert used_width(vectors) == 501
    vectors[3, 1023] = -1
    assert used_width(vectors) == DIMENSIONS


def test_what_fills_vectors_up_takes_no_room(tmp_path) -> None:  # type: ignore[no-untyped-def]
    sizes = []
    for width in (384, 1024):
        vectors = np.random.default_rng(0).normal(size=(2000, width)).astype(np.float16)
        table = pa.table({"embedding": to_column(vectors, np.ones(2000, dtype=bool))})
        sizes.append(write_table(tmp_path / "part.parquet", table)["bytes"])
        assert pq.read_table(tmp_path / "part.parquet").equals(table)
    assert sizes[0] < 0.45 * sizes[1]
