"""DuckDB over a run: views of what the stages wrote, read-only and shut off from everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from chatlog.assets import asset
from chatlog.deciding import sampled, with_parameters
from chatlog.engine.intake import planned_shards
from chatlog.engine.measured import canary_rows
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run
from chatlog.errors import ConfigError, DataError
from chatlog.pipeline import INGEST, Pipeline
from chatlog.schema import KEY, REJECTS, ROWS
from chatlog.settings import ReleaseSpec
from chatlog.stage import GlobalStage
from chatlog.stages import STAGES

HIDDEN: Final = (
    "embedding",
    "minhash_bands",
    "asked_bits",
    "answered_bits",
    "shingles",
    "shingle_level",
    "prompt_bands",
    "prompt_bits",
    "prompt_shingles",
    "prompt_level",
    "turn_hashes",
    "text_hash",
    "prompt_hash",
    "text_length",
    "name_keys",
    "public_names",
)
"""Columns that serve other stages; `conversations` leaves them out."""

_STAGES: Final = pa.schema(
    [
        pa.field("stage", pa.string()),
        pa.field("shard", pa.int64()),
        pa.field("rows", pa.int64()),
        pa.field("seconds", pa.float64()),
        pa.field("bytes", pa.int64()),
        pa.field("done", pa.bool_()),
        pa.field("records", pa.int64()),  # ingest alone
        pa.field("rejects", pa.int64()),
        pa.field("file", pa.string()),
        pa.field("reader", pa.string()),
    ]
)


@contextmanager
def connect(
    root: str | Path, *, memory: str = "2GB", threads: int | None = None, release: ReleaseSpec | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the views of a run.

    Views: conversations, messages, pii, contamination, topics, rejects, stages, funnel, decisions (row_id,
    reason), embeddings (row_id, embedding), canaries (what `chatlog pii --canaries` measured). The connection
    can read the run's Parquet files and no others.

    Args:
        root: the run folder.
        memory: DuckDB's limit.
        threads: DuckDB's; all cores for None.
        release: a [release] that takes the place of the pipeline's own in `decisions`.

    Raises:
        ConfigError: the folder holds no run, or [release] does not fit it.
        DataError: a part file is damaged.
    """
    run, pipeline = pipeline_of(root)
    if release is not None:
        pipeline = replace(pipeline, release=release)
    with duckdb.connect() as connection:
        try:
            _prepare(connection, run, pipeline, memory, threads)
        except duckdb.Error as error:
            raise DataError(f"cannot open the run {run.root}: {first_line(error)}") from error
        yield connection


def select(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
    """Runs one query that reads.

    Raises:
        ConfigError: it is not SQL, it is more than one statement, it does something other than
            read, or a name in it is not known.
    """
    try:
        statements = connection.extract_statements(query)
        if len(statements) != 1:
            raise ConfigError(f"expected one SQL statement, found {len(statements)}")
        kind = statements[0].type
        explained = re.sub(r"^\s*explain(\s+analyze)?\s", "", query, flags=re.IGNORECASE)
        if kind == duckdb.StatementType.EXPLAIN and len(explained) < len(query):
            kind = connection.extract_statements(explained)[0].type
        if kind != duckdb.StatementType.SELECT:
            raise ConfigError(f"only queries that read are run here, found {kind.name}")
        return connection.execute(query)
    except duckdb.Error as error:
        raise ConfigError(f"the query failed: {first_line(error)}") from error


def first_line(error: duckdb.Error) -> str:
    """The first line of DuckDB's message, which names the fault and not the data."""
    return str(error).strip().splitlines()[0]


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries; raises as select does."""
    return dicts(select(connection, query))


def dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of a query that was executed, as dictionaries."""
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _prepare(
    connection: duckdb.DuckDBPyConnection, run: Run, pipeline: Pipeline, memory: str, threads: int | None
) -> None:
    shards = range(planned_shards(run))
    # Not planned: a run can be read where the extras of its stages are not installed.
    planned = [step.stage.name for step in pipeline.steps]
    done = {name: [shard for shard in shards if run.read_sidecar(name, shard)] for name in (INGEST, *planned)}
    allowed: list[str] = []

    def view(name: str, files: list[Path], schema: pa.Schema) -> None:
        if files:
            allowed.extend(map(str, files))
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({_list(files)})")
        else:
            _empty(connection, name, schema)

    schemas = {INGEST: ROWS} | {step.stage.name: step.stage.writes for step in pipeline.steps}
    for name, schema in schemas.items():
        view(f"stage_{name}", [run.part(name, shard) for shard in done[name]], pa.schema([KEY, *schema]))
    view("rejects", [path for shard in done[INGEST] if (path := run.rejects(shard)).exists()], REJECTS)
    for stage in STAGES:
        for table, schema in stage.side if isinstance(stage, GlobalStage) else ():
            path = run.side(stage.name, table)
            view(table, [path] if stage.name in planned and path.exists() else [], schema)
    connection.execute(_conversations(planned, pipeline.writers()))
    if "embed" in planned:
        connection.execute("CREATE VIEW embeddings AS SELECT row_id, embedding FROM stage_embed")
    _stages_table(connection, run, done, shards)
    connection.register("told_canaries", canary_rows(run))
    connection.execute("CREATE TABLE canaries AS SELECT * FROM told_canaries")
    connection.unregister("told_canaries")
    _decisions(connection, pipeline)
    connection.execute(asset("sql/views.sql").read_text(encoding="utf-8"))
    connection.execute("SET TimeZone = 'UTC'")
    temporary = run.root / "tmp"
    connection.execute(f"SET temp_directory = {_text(str(temporary))}")
    connection.execute(f"SET memory_limit = {_text(memory)}")
    if threads:
        connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET allowed_paths = [{', '.join(_text(path) for path in allowed)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _conversations(planned: list[str], writers: dict[str, str]) -> str:
    """The join of all stages by key: every column from its last writer, null where no stage wrote it."""
    columns = [f'stage_{stage}."{column}"' for column, stage in writers.items() if column not in HIDDEN]
    for stage in STAGES:
        for field in stage.writes:
            if field.name not in writers and field.name not in HIDDEN:
                columns.append(f'NULL::{_sql_type(field.type)} AS "{field.name}"')
    joins = "".join(f" LEFT JOIN stage_{name} USING (row_id)" for name in planned)
    return f"CREATE VIEW conversations AS SELECT stage_{INGEST}.row_id, {', '.join(columns)} FROM stage_{INGEST}{joins}"


def _stages_table(connection: duckdb.DuckDBPyConnection, run: Run, done: dict[str, list[int]], shards: range) -> None:
    rows = []
    for name in done:
        for shard in shards:
            sidecar = run.read_sidecar(name, shard) or {}
            row = {field.name: sidecar.get(field.name) for field in _STAGES}
            rows.append(row | {"stage": name, "shard": shard, "done": bool(sidecar)})
    told = pa.Table.from_pylist(rows, schema=_STAGES)
    connection.register("told_stages", told)
    connection.execute("CREATE TABLE stages AS SELECT * FROM told_stages")
    connection.unregister("told_stages")


def _decisions(connection: duckdb.DuckDBPyConnection, pipeline: Pipeline) -> None:
    if pipeline.release is None:
        _empty(connection, "decisions", pa.schema([KEY, pa.field("reason", pa.string())]))
        return
    decide, _ = with_parameters(release_queries(pipeline.release.select), pipeline.release)
    columns = [name for name, *_ in connection.execute("DESCRIBE conversations").fetchall()]
    connection.execute(f"CREATE VIEW decisions AS {sampled(decide, pipeline.release, columns)}")


def release_queries(path: Path) -> tuple[str, str]:
    """The two queries of a release file: `decide` (row_id, reason) and `publish` (over `released`).

    Raises:
        ConfigError: the file does not hold these two queries.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    try:
        found = [statement.query.strip().rstrip(";") for statement in duckdb.extract_statements(text)]
    except duckdb.Error as error:
        raise ConfigError(f"{path} is not SQL: {first_line(error)}") from error
    if len(found) != 2:
        raise ConfigError(f"{path} should hold two queries, `decide` and `publish`; found {len(found)} statements")
    return found[0], found[1]


def _empty(connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
    columns = ", ".join(f'NULL::{_sql_type(field.type)} AS "{field.name}"' for field in schema)
    connection.execute(f"CREATE VIEW {name} AS SELECT {columns} WHERE false")


def _sql_type(kind: pa.DataType) -> str:
    """DuckDB's name for an Arrow type of our schemas."""
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return "STRUCT(" + ", ".join(f'"{field.name}" {_sql_type(field.type)}' for field in fields) + ")"
    if pa.types.is_fixed_size_list(kind):
        return f"{_sql_type(kind.value_type)}[{kind.list_size}]"
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
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


def _list(paths: list[Path]) -> str:
    return "[" + ", ".join(_text(str(path)) for path in paths) + "]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
