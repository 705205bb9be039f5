"""The Parquet files of a release: written one run shard at a time, the same bytes on every machine."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.assets import asset
from chatlog.deciding import with_parameters
from chatlog.errors import ConfigError, ReleaseRefused
from chatlog.query import release_queries
from chatlog.release.formats import FORMATS, Format
from chatlog.release.rescan import shown
from chatlog.settings import ReleaseSpec, like
from chatlog.text.languages import NAMES, UNKNOWN_CODE, UNKNOWN_NAME

_GROUP_ROWS: Final = (500, 1_500)
_GROUP_BYTES: Final = 16 << 20
"""Rows of a row group at least and at most, fewer where their text is long: a viewer or a streaming reader fetches one
whole."""

_GROUP_ENDS: Final = 400
"""Above the least, one row of so many ends its group: that of the hash of its id, so that a row that is added moves the
ends of one group and not of all that follow."""

_STEP: Final = 1_000
"""Rows after which the size of a file is looked at."""


Check = Callable[[pa.Table], None]


@dataclass(frozen=True)
class Split:
    """One split: its files, relative to the release, and the rows in them; no file where it has no rows."""

    name: str
    files: tuple[str, ...]
    rows: int


def write_data(
    connection: duckdb.DuckDBPyConnection,
    spec: ReleaseSpec,
    shards: int,
    released: int,
    folder: Path,
    check: Check,
) -> list[Split]:
    """Writes what `publish` makes of the table `placed` to FOLDER/data, a file of each split at a time in memory.

    `check` looks through what is about to be written, and raises where it must not be.

    Raises:
        ConfigError: `publish` or `sort` does not fit the format.
        ReleaseRefused: rows are lost or made up by `publish`.
    """
    known = FORMATS[spec.format]
    _, publish = with_parameters(release_queries(spec.select), spec)
    connection.execute(asset("sql/release/macros.sql").read_text(encoding="utf-8"))
    connection.execute("CREATE OR REPLACE TEMP TABLE language_names (code VARCHAR, name VARCHAR)")
    names = NAMES | {UNKNOWN_CODE: UNKNOWN_NAME}
    connection.execute("INSERT INTO language_names SELECT unnest(?), unnest(?)", [list(names), list(names.values())])
    writers = [_Writer(folder / "data", name, spec, known, check) for name in spec.splits]
    for shard in range(shards):
        for place, writer in enumerate(writers):
            table = _published(connection, publish, spec, shard, place)
            if table is not None:
                writer.add(table)
    _views(connection, "false", None)
    empty = _in_schema(connection.sql(publish).to_arrow_table(), known.schema, spec.select)
    # `datasets` refuses a dataset of which one split is empty, so that such a one is left out; but a release of
    # nothing at all is one file of no rows.
    splits = [writer.close(empty if not released and writer is writers[0] else None) for writer in writers]
    return splits


def _published(
    connection: duckdb.DuckDBPyConnection, publish: str, spec: ReleaseSpec, shard: int, split: int
) -> pa.Table | None:
    """What `publish` makes of one run shard's rows of one split; None where there are none."""
    mine = f"p.split = {split} AND p.unit >= {shard << 32} AND p.unit < {(shard + 1) << 32}"
    ends = connection.execute(
        f"SELECT min(row_id), max(row_id), min(told_by), max(told_by), count(*) FROM placed AS p WHERE {mine}"
    ).fetchone()
    if ends is None or ends[0] is None:
        return None
    _views(connection, mine, ends)
    known = FORMATS[spec.format]
    table = _in_schema(connection.sql(publish).to_arrow_table(), known.schema, spec.select)
    if table.num_rows * known.conversations_a_row != ends[4]:
        found = connection.execute(f"SELECT DISTINCT {known.run_id} FROM released").fetchall()
        decided, told = {id_ for (id_,) in found}, Counter(table[known.id].to_pylist())
        wrong = sorted({*(decided ^ set(told)), *(id_ for id_, count in told.items() if count > 1)}, key=str)
        each = f", {known.conversations_a_row} a row" if known.conversations_a_row > 1 else ""
        raise ReleaseRefused(
            f"`decide` releases {ends[4]} conversations{each}, `publish` returned {table.num_rows} rows: "
            f"{shown(wrong)}",
            wrong,
        )
    return table


def _views(connection: duckdb.DuckDBPyConnection, mine: str, ends: Sequence[int] | None) -> None:
    """`released`: the rows to publish; `told`: for each (`told_for`) the row whose text and findings stand for it.

    The bounds are written out: DuckDB passes them down to every stage's file, and so reads one shard of each.
    """
    for name, column, more, (low, high) in (
        ("released", "row_id", "", ends[:2] if ends else (0, -1)),
        ("told", "told_by", ", p.row_id AS told_for", ends[2:4] if ends else (0, -1)),
    ):
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT c.*{more} FROM conversations AS c JOIN placed AS p "
            f"ON c.row_id = p.{column} WHERE {mine} AND c.row_id BETWEEN {low} AND {high} "
            f"AND p.{column} BETWEEN {low} AND {high}"
        )


def _in_schema(table: pa.Table, target: pa.Schema, query: Path) -> pa.Table:
    """The published columns under the format's exact types, then the flat ones as they are."""
    missing = [name for name in target.names if name not in table.column_names]
    if missing:
        raise ConfigError(f"{query.name}: `publish` lacks the columns {', '.join(missing)} of the format")
    extra = [field for field in table.schema if field.name not in target.names]
    try:
        return table.select([*target.names, *(field.name for field in extra)]).cast(pa.schema([*target, *extra]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise ConfigError(
            f"{query.name}: `publish` returns a column of another type than the format's: {type(error).__name__}"
        ) from error


class _Writer:
    """The files of one split. A file's name tells how many there are, so that names are given at the end."""

    def __init__(self, folder: Path, split: str, spec: ReleaseSpec, known: Format, check: Check) -> None:
        self.folder = folder
        self.split = split
        self.spec = spec
        self.known = known
        self.check = check
        self.files: list[Path] = []
        self.written = 0
        self._clear()

    def _clear(self) -> None:
        self.waiting: list[pa.Table] = []
        self.rows = 0
        self.bytes = 0

    def add(self, table: pa.Table) -> None:
        """Takes rows, and writes a file whenever one is full."""
        at = 0
        while at < table.num_rows:
            piece = table.slice(at, min(_STEP, self.spec.shard_rows - self.rows))
            at += piece.num_rows
            self.waiting.append(piece)
            self.rows += piece.num_rows
            self.bytes += text_bytes(piece)
            if self.rows >= self.spec.shard_rows or self.bytes >= self.spec.shard_bytes:
                self._write(pa.concat_tables(self.waiting))

    def close(self, empty: pa.Table | None) -> Split:
        """Writes what waits, or `empty`, and gives all files their names."""
        if self.waiting or empty is not None:
            self._write(pa.concat_tables(self.waiting or [empty]))
        names = [f"{self.split}-{at:05d}-of-{len(self.files):05d}.parquet" for at in range(len(self.files))]
        for path, name in zip(self.files, names, strict=True):
            path.rename(self.folder / name)
        return Split(self.split, tuple(f"data/{name}" for name in names), self.written)

    def _write(self, table: pa.Table) -> None:
        table = _sorted(table, self.spec, self.known)
        self.check(table)
        path = self.folder / f".{self.split}-{len(self.files):05d}.part"
        write_parquet(table, path, self.known.id)
        self.files.append(path)
        self.written += table.num_rows
        self._clear()


def _sorted(table: pa.Table, spec: ReleaseSpec, known: Format) -> pa.Table:
    keys = known.sort if spec.sort is None else spec.sort
    for key in keys:
        if key not in table.column_names:
            raise ConfigError(
                f"[release] sort: `publish` returns no column {key!r}{like(key, table.column_names)}; "
                f"there are {', '.join(table.column_names)}"
            )
    if not keys or not table.num_rows:
        return table.combine_chunks()
    # Arrow's sort is stable: rows of equal keys stay in the order of the logs.
    return table.take(pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys])).combine_chunks()


def write_parquet(table: pa.Table, path: Path, id: str) -> None:
    """Writes a table as the Hub's viewer and its deduplicating store take it best.

    zstd; row groups of about 1,000 rows, cut by the hash of the column `id`; a page index, by which a reader fetches
    some rows of a group; pages cut by content. Rows that are added leave most bytes of a new version as they were.
    """
    with (
        path.open("wb") as stream,
        pq.ParquetWriter(
            stream,
            table.schema,
            compression="zstd",
            compression_level=6,
            write_page_index=True,
            use_content_defined_chunking=True,
        ) as writer,
    ):
        for group in _groups(table, id):
            writer.write_table(group, row_group_size=group.num_rows)


def _groups(table: pa.Table, id: str) -> Iterator[pa.Table]:
    # No group at all for no rows: `datasets` reads batches of the first group's rows, and stumbles over one of none.
    least, most = _GROUP_ROWS
    ends = [zlib.crc32(str(value).encode()) % _GROUP_ENDS == 0 for value in table[id].to_pylist()]
    at = 0
    while at < table.num_rows:
        end = next((place + 1 for place in range(at + least - 1, min(at + most, len(ends))) if ends[place]), at + most)
        piece = table.slice(at, end - at)
        while piece.num_rows > 1 and text_bytes(piece) > _GROUP_BYTES:
            piece = piece.slice(0, piece.num_rows // 2)
        yield piece
        at += piece.num_rows


def text_bytes(table: pa.Table) -> int:
    """Bytes of all texts of a table; of its content alone, not of how it lies in memory."""
    return sum(_text_bytes(chunk) for column in table.columns for chunk in column.chunks)


def _text_bytes(values: pa.Array) -> int:
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return int(pc.sum(pc.binary_length(values)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(_text_bytes(pc.struct_field(values, [index])) for index in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _text_bytes(pc.list_flatten(values))
    return 0
