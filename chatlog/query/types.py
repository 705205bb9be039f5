"""How Arrow's types, texts and errors are written in DuckDB's words."""

from __future__ import annotations

import duckdb
import pyarrow as pa


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name for an Arrow type of our schemas."""
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return "STRUCT(" + ", ".join(f'"{field.name}" {sql_type(field.type)}' for field in fields) + ")"
    if pa.types.is_fixed_size_list(kind):
        return f"{sql_type(kind.value_type)}[{kind.list_size}]"
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind):
        return "BLOB"
    names = {
        pa.string(): "VARCHAR",
        pa.bool_(): "BOOLEAN",
        pa.int8(): "TINYINT",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        pa.uint32(): "UINTEGER",
        pa.uint64(): "UBIGINT",
        pa.float16(): "FLOAT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
    }
    return names[kind]


def quoted(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def first_line(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, which names the fault and not the data."""
    return str(error).strip().splitlines()[0]
