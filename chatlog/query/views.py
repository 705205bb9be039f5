"""The views of a run, in any DuckDB connection: of this process, or of a database file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from chatlog.assets import asset
from chatlog.deciding import sampled, with_parameters
from chatlog.engine.intake import planned_shards
from chatlog.engine.measured import canary_rows
from chatlog.engine.store import Run
from chatlog.pipeline import INGEST, Pipeline
from chatlog.query.release_file import release_queries
from chatlog.query.types import quoted, sql_type
from chatlog.schema import KEY, REJECTS, ROWS
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
        pa.field("forgotten", pa.int64()),
        pa.field("file", pa.string()),
        pa.field("reader", pa.string()),
    ]
)


Spell = Callable[[Path], str]
"""How a file's path is written in a view."""


@dataclass(frozen=True)
class Parts:
    """What a run has of each stage that its pipeline names.

    Attributes:
        run: the run folder.
        pipeline: what it was made by.
        shards: shards of the run.
        done: stage, ingest among them, to its finished shards.
    """

    run: Run
    pipeline: Pipeline
    shards: int
    done: dict[str, list[int]]

    @property
    def planned(self) -> list[str]:
        """The stages of the pipeline, without ingest."""
        # Not planned by `plan`: a run can be read where the extras of its stages are not installed.
        return [step.stage.name for step in self.pipeline.steps]

    def only(self, shard: int) -> Parts:
        """One shard alone."""
        one = {stage: [shard] if shard in shards else [] for stage, shards in self.done.items()}
        return Parts(self.run, self.pipeline, self.shards, one)


def parts_of(run: Run, pipeline: Pipeline) -> Parts:
    """What is there now."""
    shards = planned_shards(run)
    names = (INGEST, *(step.stage.name for step in pipeline.steps))
    done = {name: [shard for shard in range(shards) if run.read_sidecar(name, shard)] for name in names}
    return Parts(run, pipeline, shards, done)


def stage_views(connection: duckdb.DuckDBPyConnection, parts: Parts, spell: Spell = str) -> list[Path]:
    """Makes `conversations` and a view a stage; the files that they read."""
    schemas = {INGEST: ROWS} | {step.stage.name: step.stage.writes for step in parts.pipeline.steps}
    files: list[Path] = []
    for name, schema in schemas.items():
        found = [parts.run.part(name, shard) for shard in parts.done[name]]
        _view(connection, f"stage_{name}", found, pa.schema([KEY, *schema]), spell)
        files += found
    connection.execute(_conversations(parts.planned, parts.pipeline.writers()))
    return files


def make_views(connection: duckdb.DuckDBPyConnection, parts: Parts, spell: Spell = str) -> list[Path]:
    """Makes the views of a run's files, and the tables `stages` and `canaries`; the files that the views read.

    Left to others: `summary` and `decisions` (chatlog.query.summary), then `derive`.
    """
    run, planned = parts.run, parts.planned
    files = stage_views(connection, parts, spell)
    told = [path for shard in parts.done[INGEST] if (path := run.rejects(shard)).exists()]
    _view(connection, "rejects", told, REJECTS, spell)
    files += told
    for stage in STAGES:
        for table, schema in stage.side if isinstance(stage, GlobalStage) else ():
            path = run.side(stage.name, table)
            found = [path] if stage.name in planned and path.exists() else []
            _view(connection, table, found, schema, spell)
            files += found
    if "embed" in planned:
        connection.execute("CREATE VIEW embeddings AS SELECT row_id, embedding FROM stage_embed")
    _table(connection, "stages", _stage_rows(parts))
    _table(connection, "canaries", canary_rows(run))
    return files


def derive(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the views over those that are there: messages, pii, contamination, funnel."""
    connection.execute(asset("sql/views.sql").read_text(encoding="utf-8"))


def live_decisions(pipeline: Pipeline) -> str:
    """The query that decides what is released: row_id, reason; whole, with its parameters and its sample.

    Raises:
        ConfigError: [release] does not fit the run.
    """
    if pipeline.release is None:
        return "SELECT NULL::BIGINT AS row_id, NULL::VARCHAR AS reason WHERE false"
    decide, _ = with_parameters(release_queries(pipeline.release.select), pipeline.release)
    writers = pipeline.writers()
    columns = [KEY.name, *_shown(writers), *(field.name for field in _unwritten(writers))]
    return sampled(decide, pipeline.release, columns)


def over_files(name: str, files: Iterable[Path], spell: Spell = str) -> str:
    """The statement that makes a view over Parquet files."""
    listed = ", ".join(quoted(spell(path)) for path in files)
    return f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}])"


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: list[Path], schema: pa.Schema, spell: Spell) -> None:
    if files:
        connection.execute(over_files(name, files, spell))
        return
    columns = ", ".join(f'NULL::{sql_type(field.type)} AS "{field.name}"' for field in schema)
    connection.execute(f"CREATE VIEW {name} AS SELECT {columns} WHERE false")


def joined(planned: Sequence[str], writers: dict[str, str]) -> list[str]:
    """The stages that `conversations` joins to ingest: those that wrote a column last that it shows."""
    shown = set(_shown(writers).values())
    return [stage for stage in planned if stage in shown]


def _conversations(planned: list[str], writers: dict[str, str]) -> str:
    """The join of all stages by key: every column from its last writer, null where no stage wrote it."""
    columns = [f'stage_{stage}."{column}"' for column, stage in _shown(writers).items()]
    columns += [f'NULL::{sql_type(field.type)} AS "{field.name}"' for field in _unwritten(writers)]
    joins = "".join(f" LEFT JOIN stage_{name} USING (row_id)" for name in joined(planned, writers))
    return f"CREATE VIEW conversations AS SELECT stage_{INGEST}.row_id, {', '.join(columns)} FROM stage_{INGEST}{joins}"


def _shown(writers: dict[str, str]) -> dict[str, str]:
    return {column: stage for column, stage in writers.items() if column not in HIDDEN}


def _unwritten(writers: dict[str, str]) -> Iterator[pa.Field]:
    for stage in STAGES:
        for field in stage.writes:
            if field.name not in writers and field.name not in HIDDEN:
                yield field


def _stage_rows(parts: Parts) -> pa.Table:
    rows = []
    for name in parts.done:
        for shard in range(parts.shards):
            sidecar = parts.run.read_sidecar(name, shard) or {}
            row = {field.name: sidecar.get(field.name) for field in _STAGES}
            rows.append(row | {"stage": name, "shard": shard, "done": bool(sidecar)})
    return pa.Table.from_pylist(rows, schema=_STAGES)


def _table(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register(f"told_{name}", table)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM told_{name}")
    connection.unregister(f"told_{name}")
