"""Ingest: sources to chunks, and one chunk to the rows and rejects of one shard."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa

from chatlog.engine.identity import of_ingest
from chatlog.engine.rows import RowBuilder
from chatlog.engine.shard import Unit, finish
from chatlog.engine.store import Run, write_table
from chatlog.engine.userkey import UserKey, user_key
from chatlog.errors import ContractError
from chatlog.pipeline import INGEST, Pipeline
from chatlog.schema import KEY, REJECTS
from chatlog.settings import ShardLimits
from chatlog.sources import Reject, reader
from chatlog.sources.chunks import Chunk, compression_of, cut, decompress, expand, flat_name, gather
from chatlog.sources.detect import detect
from chatlog.sources.framing import Raw, decode, framing_of, raw_records
from chatlog.sources.record import Reader

VERSION: Final = 1
_PLAN: Final = "ingest.json"
_BATCH: Final = 2_000
"""Records held as Python objects before they become Arrow columns."""


@dataclass(frozen=True)
class IngestShard:
    """One chunk, and the fingerprint of the shard made of it."""

    chunk: Chunk
    fingerprint: str


def plan_ingest(run: Run, pipeline: Pipeline) -> list[IngestShard]:
    """The chunks of the pipeline's sources in shard order, written to the run folder too.

    Chunks that an earlier run planned keep their shard; new files and the grown ends of old ones
    come after them. When a planned chunk is gone, all are numbered anew.

    Raises:
        ConfigError: a path names nothing, or no reader knows a file's format.
        DataError: a file cannot be read or decompressed.
    """
    found: list[Chunk] = []
    files: list[dict[str, Any]] = []
    for number, source in enumerate(pipeline.sources):
        for path, label in expand(source.paths, pipeline.base):
            flat = flat_file(run, path)
            chosen, why = (source.reader, "named in the pipeline") if source.reader != "auto" else detect(flat, label)
            limit = max(1, pipeline.limits.shard_rows // reader(chosen).fanout)
            flat = flat_file(run, path, chosen)
            pieces = cut(flat, max_records=limit, max_bytes=pipeline.limits.shard_bytes)
            found += [Chunk(number, str(path), label, chosen, *piece) for piece in pieces]
            files.append(
                {"label": label, "path": str(path), "reader": chosen, "why": why, "bytes": path.stat().st_size}
            )
    chunks = _in_order(run, found)
    run.write_json(_PLAN, {"chunks": [chunk.to_json() for chunk in chunks], "files": files})
    return _identified(run, pipeline, chunks)


def stored_shards(run: Run, pipeline: Pipeline) -> list[IngestShard]:
    """The shards as they were last planned; none before the first plan. The sources are not looked at."""
    return _identified(run, pipeline, _stored_chunks(run))


def planned_shards(run: Run) -> int:
    """How many shards the run has, 0 before its first ingest plan."""
    return len(_stored_chunks(run))


def _identified(run: Run, pipeline: Pipeline, chunks: Sequence[Chunk]) -> list[IngestShard]:
    limits = pipeline.limits.model_dump()
    key_id = user_key(run).id
    return [
        IngestShard(chunk, of_ingest(VERSION, chunk, shard, pipeline.sources[chunk.source].options, limits, key_id))
        for shard, chunk in enumerate(chunks)
    ]


def _stored_chunks(run: Run) -> list[Chunk]:
    return [Chunk(**item) for item in (run.read_json(_PLAN) or {"chunks": []})["chunks"]]


def planned_files(run: Run) -> list[dict[str, Any]]:
    """The source files of the run, with the reader of each and why it was chosen."""
    files: list[dict[str, Any]] = (run.read_json(_PLAN) or {"files": []})["files"]
    return files


def _in_order(run: Run, found: list[Chunk]) -> list[Chunk]:
    before = _stored_chunks(run)
    place = {(chunk.source, chunk.label, chunk.start): chunk for chunk in found}
    keys = [(chunk.source, chunk.label, chunk.start) for chunk in before]
    if not all(key in place for key in keys):
        return found
    known = set(keys)
    return [place[key] for key in keys] + [chunk for key, chunk in place.items() if key not in known]


def flat_file(run: Run, path: Path, reader_name: str = "") -> Path:
    """The file itself, or a copy in the run folder that is decompressed, or gathered by conversation.

    A copy is made when it is not there; it is removed once every shard is ingested.
    """
    flat = path if compression_of(path) is None else _spooled(run, path, "flat", lambda copy: decompress(path, copy))
    group = reader(reader_name).group if reader_name else None
    if group is None or framing_of(flat) == "parquet":
        return flat
    return _spooled(run, path, reader_name, lambda copy: gather(flat, group, copy))


def _spooled(run: Run, path: Path, kind: str, make: Callable[[Path], None]) -> Path:
    folder = run.root / "spool"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = path.stat()
    stem = f"{flat_name(path)}-{kind}"
    copy = folder / f"{stem}-{state.st_size}-{state.st_mtime_ns}"
    if not copy.exists():
        for old in folder.glob(f"{stem}-*"):
            old.unlink(missing_ok=True)
        make(copy)
    return copy


def run_ingest_unit(unit: Unit, chunk: Chunk, options: Mapping[str, Any], limits: ShardLimits) -> dict[str, Any]:
    """Makes the rows, the rejects and then the sidecar of one chunk; returns the sidecar.

    Raises:
        ContractError: a record is unaccounted for.
    """
    begun = time.monotonic()
    run = Run(Path(unit.root))
    run.forget(INGEST, unit.shard)
    chosen = reader(chunk.reader)
    config = chosen.config.model_validate(options)
    told = Told(chunk.label, chosen, config, limits, user_key(run))
    with _without_collections():
        rows, rejects = told.read(_records(flat_file(run, Path(chunk.path), chunk.reader), chunk), chunk.first_record)
    if told.read_records != chunk.records and not chosen.also_read:
        raise ContractError(
            f"{chunk.label}: {told.read_records} records read, {chunk.records} planned: did the file change?"
        )
    if told.records != rows.num_rows + rejects.num_rows:
        raise ContractError(f"{chunk.label}: {told.records} records, {rows.num_rows} rows, {rejects.num_rows} rejects")
    write_table(run.rejects(unit.shard), rejects)
    key = pa.chunked_array([pa.array(range(unit.shard << 32, (unit.shard << 32) + rows.num_rows), KEY.type)])
    counts = {
        "records": told.records,
        "read": told.read_records,
        "rejects": rejects.num_rows,
        "reasons": dict(told.reasons),
        "source_bytes": max(chunk.end - chunk.start, 0),
        "file": chunk.label,
        "reader": chunk.reader,
    }
    return finish(run, INGEST, VERSION, unit, key, rows, begun, counts=counts)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Holds back the search for cycles: records make millions of objects and none that needs it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _records(flat: Path, chunk: Chunk) -> Iterator[tuple[int, Any]]:
    """(byte offset or row number, raw bytes or a Parquet row) of each record of a chunk."""
    if chunk.framing != "parquet":
        names = reader(chunk.reader).also_read
        for record in raw_records(flat, chunk.framing, chunk.start, chunk.end):
            inside = _inside(record, names) if names else None
            if inside is None:
                yield record.offset, record
            else:
                yield from ((record.offset, value) for value in inside)
        return
    import pyarrow.parquet as pq

    at = 0
    with pq.ParquetFile(flat) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            lo, hi = max(chunk.start - at, 0), min(chunk.end - at, batch.num_rows)
            if lo < hi:
                yield from enumerate(batch.slice(lo, hi - lo).to_pylist(), start=at + lo)
            at += batch.num_rows
            if at >= chunk.end:
                return


def _inside(record: Raw, names: Sequence[str]) -> list[Any] | None:
    """The records that a JSON object keeps in a list under one of `names`; None where it keeps none."""
    try:
        value = decode(record.raw)
    except Reject:
        return None
    lists = [value[name] for name in names if isinstance(value.get(name), list)] if isinstance(value, dict) else []
    return lists[0] if lists else None


class Told:
    """Turns records into rows and rejects, and counts every one of them."""

    def __init__(self, label: str, chosen: Reader, config: Any, limits: ShardLimits, key: UserKey) -> None:
        self.label = label
        self.reader = chosen
        self.config = config
        self.limits = limits
        self.key = key
        self.read_records = 0
        """Lines, elements or Parquet rows."""
        self.records = 0
        """Conversations that they told, rejects included: a battle's line tells two."""
        self.reasons: Counter[str] = Counter()

    def read(self, records: Iterator[tuple[int, Any]], first: int = 0) -> tuple[pa.Table, pa.Table]:
        """The rows (without key) and the rejects of the records, in their order."""
        rows: list[pa.Table] = []
        rejects: list[dict[str, Any]] = []
        builder = RowBuilder(self.label, self.key)
        for number, (offset, record) in enumerate(records, start=first):
            self.read_records += 1
            try:
                drafts = self._drafts(record)
            except Reject as reject:
                self.records += 1
                self.reasons[reject.reason] += 1
                rejects.append(self._reject(number, offset, record, reject))
                continue
            self.records += len(drafts)
            for part, draft in enumerate(drafts):
                builder.add(number, _bytes_of(record), part, draft)
            if len(builder) >= _BATCH:
                rows.append(builder.table())
        rows.append(builder.table())
        return pa.concat_tables(rows), pa.Table.from_pylist(rejects, schema=REJECTS)

    def _drafts(self, record: Any) -> Sequence[Any]:
        if isinstance(record, Raw) and len(record.raw) > self.limits.max_record_bytes:
            raise Reject("too_large", f"{len(record.raw)} bytes; the limit is ingest.max_record_bytes")
        value = decode(record.raw) if isinstance(record, Raw) else record
        try:
            drafts = self.reader.parse(value, self.config)
        except Reject:
            raise
        except Exception as error:  # whatever a record does to a reader, it is one reject and no end of the run
            raise Reject("reader_failed", f"{type(error).__name__} in the reader {self.reader.name}") from None
        if not drafts:
            raise Reject("no_conversation", "the reader found no conversation in it")
        return drafts

    def _reject(self, number: int, offset: int, record: Any, reject: Reject) -> dict[str, Any]:
        return {
            "source": self.label,
            "record": number,
            "byte_offset": offset,
            "reason": reject.reason,
            "hint": reject.hint,
            "raw": _bytes_of(record),
        }


def _bytes_of(record: Any) -> bytes:
    return record.raw if isinstance(record, Raw) else orjson.dumps(record, default=str, option=orjson.OPT_SORT_KEYS)
