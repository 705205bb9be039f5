"""lineage.parquet: what became of every row of the run, by keyed hashes, so that two releases can be compared.

It tells of each row, released or not: its reason, and 64 bits for what each stage made of it. The hashes are SHA-256
under a key that stays with the operator: without it nobody can tell whether a text that they guess is in them.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.engine.store import Run
from chatlog.engine.userkey import user_key
from chatlog.pipeline import INGEST, Pipeline
from chatlog.query import HIDDEN
from chatlog.release.formats import Format
from chatlog.release.row_groups import row_groups
from chatlog.schema import ROWS

LINEAGE: Final = "lineage.parquet"

STAGE: Final = "stage_"
"""Before the name of a stage: the column of what it made of the row."""

ROW_COLUMNS: Final = (
    pa.field("row", pa.uint64()),  # keyed hash of the conversation_id
    pa.field("copy", pa.int32()),  # 0 for the first row of the run with this id, 1 for the next
    pa.field("id", pa.string()),  # the published id; null for a row that is left out
    pa.field("shard", pa.int32()),  # of the run
    pa.field("file", pa.int32()),  # number of the data file that holds it, in provenance.json's order; null as id
    pa.field("reason", pa.string()),  # why it is left out; null for a released row
    pa.field("published", pa.uint64()),  # keyed hash of the published row; null as id
)
"""The columns beside those of the stages, which are null where a stage was not given the row or wrote nothing."""

_PLACE: Final = frozenset({"source", "record"})
"""Columns of ingest that tell where a row was read, not what it is."""

_SHARE: Final = 5_000
"""Rows that are hashed at a time."""


def write_lineage(
    run: Run,
    pipeline: Pipeline,
    decided: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    folder: Path,
    known: Format,
    shards: int,
) -> None:
    """Writes lineage.parquet beside the data files of a release, one row group a shard of the run.

    Args:
        run: the run folder.
        pipeline: its pipeline.
        decided: a connection whose table `decided` holds row_id and reason of every row.
        files: the data files, relative to `folder`.
        folder: the release.
        known: the release's format.
        shards: of the run.
    """
    stages = hashed_stages(pipeline)
    schema = pa.schema([*ROW_COLUMNS, *(pa.field(STAGE + stage, pa.uint64()) for stage in stages)])
    with _Hashes(run) as hashes, _writer(folder / LINEAGE, schema) as writer:
        hashes.publish([folder / name for name in files], known)
        for shard in range(shards):
            low, high = shard << 32, (shard + 1) << 32
            query = f"SELECT reason FROM decided WHERE row_id >= {low} AND row_id < {high} ORDER BY row_id"
            reasons = arrow(decided, query)["reason"]
            told = hashes.rows(run.part(INGEST, shard), shard, reasons, known)
            made = [hashes.of(run.part(stage, shard), columns) for stage, columns in stages.items()]
            writer.write_table(pa.table([*told.columns, *made], schema=schema))


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # Hashes are all distinct: neither dictionaries nor statistics are of use.
    return pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=["shard", "file", "reason"], write_statistics=False
    )


def hashed_stages(pipeline: Pipeline) -> dict[str, list[str]]:
    """The stages whose values are hashed, with these columns: all but vectors and what serves other stages alone."""
    found = {INGEST: [name for name in ROWS.names if name not in _PLACE]}
    for step in pipeline.steps:
        columns = [name for name in step.stage.writes.names if name not in HIDDEN]
        if columns:
            found[step.stage.name] = columns
    return found


def keyed(columns: Sequence[str]) -> str:
    """The SQL of 64 bits that stand for these columns under the parameter $secret; null where all of them are."""
    packed = ", ".join(f'"{name}" := "{name}"' for name in columns)
    some = " OR ".join(f'"{name}" IS NOT NULL' for name in columns)
    return f"CASE WHEN {some} THEN ('0x' || left(sha256($secret || to_json(struct_pack({packed}))), 16))::UBIGINT END"


def arrow(connection: duckdb.DuckDBPyConnection, query: str, **values: object) -> pa.Table:
    """What a query gives, as an Arrow table."""
    table = connection.sql(query, params=values or None).to_arrow_table()
    assert table is not None
    return table


class _Hashes:
    """A DuckDB of its own, bounded in memory; what does not fit goes to the run folder, which is private."""

    def __init__(self, run: Run) -> None:
        self._connection = duckdb.connect()
        folder = str(run.root / "tmp").replace("'", "''")
        self._connection.execute(f"SET temp_directory = '{folder}'; SET memory_limit = '2GB'; SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        self._connection.execute("CREATE TABLE published (id VARCHAR, file INTEGER, hash UBIGINT)")
        self._connection.execute("CREATE TABLE seen (row UBIGINT, copies INTEGER)")
        self._secret = hmac.digest(user_key(run).secret, b"lineage", "sha256").hex()

    def __enter__(self) -> _Hashes:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _ask(self, table: pa.Table, query: str) -> pa.Table:
        """The query over `table` under the name `given`."""
        self._connection.register("given", table)
        return arrow(self._connection, query, secret=self._secret)

    def publish(self, paths: Sequence[Path], known: Format) -> None:
        """Takes in the data files."""
        for number, path in enumerate(paths):
            for table in row_groups(path):
                hashed = keyed(table.column_names)
                made = self._ask(table, f'SELECT "{known.id}" AS id, {number} AS file, {hashed} AS hash FROM given')
                self._connection.register("made", made)
                self._connection.execute("INSERT INTO published SELECT * FROM made")

    def of(self, path: Path, columns: Sequence[str]) -> pa.ChunkedArray:
        """One hash a row of a part, `(n_rows,) uint64`."""
        query = f"SELECT {keyed(columns)} AS hash FROM given"
        made = [self._ask(table, query)["hash"] for table in row_groups(path, columns)]
        return pa.chunked_array([chunk for each in made for chunk in each.chunks], pa.uint64())

    def rows(self, path: Path, shard: int, reasons: pa.ChunkedArray, known: Format) -> pa.Table:
        """The columns of ROW_COLUMNS for a shard of ingest."""
        names = list(dict.fromkeys(["conversation_id", *known.run_columns]))
        tables = list(row_groups(path, names))
        if not tables:
            return pa.schema(ROW_COLUMNS).empty_table()
        table = pa.concat_tables(tables).append_column("reason", reasons)
        told = self._ask(
            table.append_column("place", pa.array(range(len(table)), pa.int64())),
            f"""
            WITH told AS (SELECT {keyed(["conversation_id"])} AS row, {known.run_id} AS id, reason, place FROM given),
            numbered AS (
              SELECT *, row_number() OVER (PARTITION BY row ORDER BY place) - 1 + coalesce(copies, 0) AS copy
              FROM told LEFT JOIN seen USING (row)
            ),
            found AS (SELECT id, min(file) AS file, min(hash) AS hash FROM published GROUP BY id)
            SELECT numbered.row, copy::INTEGER AS copy, CASE WHEN reason IS NULL THEN numbered.id END AS id,
                   {shard}::INTEGER AS shard, CASE WHEN reason IS NULL THEN file END AS file, reason,
                   CASE WHEN reason IS NULL THEN hash END AS published
            FROM numbered LEFT JOIN found ON numbered.id = found.id ORDER BY place
            """,
        )
        self._connection.register("made", told)
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE now AS SELECT row, max(copy) + 1 AS copies FROM made GROUP BY row"
        )
        self._connection.execute("DELETE FROM seen WHERE row IN (SELECT row FROM now)")
        self._connection.execute("INSERT INTO seen SELECT row, copies FROM now")
        return told.cast(pa.schema(ROW_COLUMNS))
