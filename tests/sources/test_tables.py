"""Parquet tables of every odd type: each row is a row or a reject."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlog.engine.run import run
from chatlog.errors import DataError
from chatlog.sources.chunks import cut
from chatlog.sources.tables import table_rows
from tests.conftest import recipe

TALK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]


def ingested(path: Path, out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The meta of the rows, and the rejects."""
    run(recipe([path], ()), out, workers=1)
    rows = pq.read_table(out / "ingest" / "part-00000.parquet")["meta"].to_pylist()
    return [orjson.loads(meta) for meta in rows], pq.read_table(out / "rejects" / "part-00000.parquet").to_pylist()


def invalid(*values: bytes) -> pa.Array:
    return pa.array(list(values), pa.binary()).view(pa.string())


ODD = {
    "decimal": (pa.array([decimal.Decimal("1.10")]), "1.10"),
    "map": (pa.array([[(1, "a")]], pa.map_(pa.int64(), pa.string())), [[1, "a"]]),
    "large_string": (pa.array(["x"], pa.large_string()), "x"),
    "dictionary": (pa.array(["x"]).dictionary_encode(), "x"),
    "null": (pa.nulls(1), None),
    "timestamp_ns": (pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")), "2023-11-14T22:13:20.123456789"),
    "timestamp_far": (pa.array([2**62], pa.timestamp("us")), 2**62),
    "timestamp_zone": (pa.array([17], pa.timestamp("ms", tz="No/Such")), 17),
    "date_far": (pa.array([2**30], pa.date32()), 2**30),
    "nested_date_far": (pa.array([[{"d": 2**30}]], pa.list_(pa.struct([("d", pa.date32())]))), [{"d": 2**30}]),
    "binary": (pa.array([b"\xff\x00"]), "ff00"),
    "uint64": (pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1)),
    "nan": (pa.array([float("nan")]), "NaN"),
    "double": (pa.array([1e300]), 1e300),
    "fixed_list": (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), [1, 2]),
}


@pytest.mark.parametrize("name", ODD)
def test_a_column_of_an_odd_type_is_kept(tmp_path: Path, name: str) -> None:
    column, expected = ODD[name]
    pq.write_table(pa.table({"messages": [TALK], "x": column}), tmp_path / "a.parquet")
    rows, rejects = ingested(tmp_path / "a.parquet", tmp_path / "run")
    assert rows == [{"x": expected}] and rejects == []


def test_a_text_that_is_not_utf8_makes_a_reject_of_its_row_alone(tmp_path: Path) -> None:
    table = pa.table({"messages": [TALK] * 3, "x": invalid(b"one", b"\xff\xfe", b"three")})
    pq.write_table(table, tmp_path / "a.parquet")
    rows, (reject,) = ingested(tmp_path / "a.parquet", tmp_path / "run")
    assert rows == [{"x": "one"}, {"x": "three"}]
    assert (reject["reason"], reject["record"], reject["byte_offset"]) == ("invalid_utf8", 1, 1)
    assert b'"x": "\xff\xfe"' in reject["raw"]


def test_columns_of_one_name_are_all_kept(tmp_path: Path) -> None:
    columns = [pa.array([TALK]), pa.array([1]), pa.array([2]), pa.array([3])]
    pq.write_table(pa.Table.from_arrays(columns, names=["messages", "x", "x", "x#2"]), tmp_path / "a.parquet")
    assert ingested(tmp_path / "a.parquet", tmp_path / "run")[0] == [{"x": 1, "x#2": 2, "x#2#2": 3}]


def test_a_table_of_another_schema_is_rejects(tmp_path: Path) -> None:
    pq.write_table(pa.table({"messages": [1, 2]}), tmp_path / "a.parquet")
    rows, rejects = ingested(tmp_path / "a.parquet", tmp_path / "run")
    assert rows == [] and [reject["raw"] for reject in rejects] == [b'{"messages":1}', b'{"messages":2}']


def test_ranges_of_rows_are_read_across_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": range(100)}), path, row_group_size=7)
    for start, end in ((0, 100), (0, 7), (7, 14), (13, 30), (95, 100)):
        expected = [(number, {"a": number}) for number in range(start, end)]
        assert list(table_rows(path, start, end)) == expected


def test_a_table_is_cut_by_the_bytes_of_its_rows_too(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [f"{number:04}" * 1000 for number in range(100)]}), path, use_dictionary=False)
    pieces = list(cut(path, max_records=1000, max_bytes=40_000))
    assert [(start, end) for _, start, end, *_ in pieces] == [(at, min(at + 9, 100)) for at in range(0, 100, 9)]


def test_a_damaged_page_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [str(number) * 50 for number in range(5000)]}), path)
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        list(table_rows(path, 0, 5000))
