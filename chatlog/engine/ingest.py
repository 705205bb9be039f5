"""Ingest: one chunk of a source to the rows and rejects of one shard."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from chatlog.engine.inputs import check_unchanged, flat_file
from chatlog.engine.intake import VERSION
from chatlog.engine.rows import RowBuilder
from chatlog.engine.shard import Unit, finish
from chatlog.engine.store import Run, write_table
from chatlog.engine.tombstones import Tombstones, read_tombstones
from chatlog.engine.userkey import UserKey, user_key
from chatlog.errors import ContractError
from chatlog.pipeline import INGEST
from chatlog.schema import KEY, REJECTS, ROWS
from chatlog.settings import ShardLimits
from chatlog.sources import Reject, reader
from chatlog.sources.chunks import Chunk
from chatlog.sources.decode import decode, decode_exactly
from chatlog.sources.framing import Raw, raw_records
from chatlog.sources.record import Draft, Reader, Rounded
from chatlog.sources.tables import table_rows
from chatlog.sources.values import exact

_BATCH: Final = 2_000
"""Records held as Python objects before they become Arrow columns."""

_REPEATED: Final = 512 << 20
"""Characters that the trees of one shard may tell in all."""


def run_ingest_unit(unit: Unit, chunk: Chunk, options: Mapping[str, Any], limits: ShardLimits) -> dict[str, Any]:
    """Makes the rows, the rejects and then the sidecar of one chunk; returns the sidecar.

    Raises:
        ContractError: a record is unaccounted for.
    """
    begun = time.monotonic()
    run = Run(Path(unit.root))
    run.forget(INGEST, unit.shard)
    if chunk.fault is not None:
        return _finish_fault(run, unit, chunk, chunk.fault, begun)
    chosen = reader(chunk.reader)
    config = chosen.config.model_validate(options)
    key = user_key(run)
    told = Told(chunk.label, chosen, config, limits, key, read_tombstones(run, key))
    flat = flat_file(run, chunk, limits)
    with _without_collections():
        rows, rejects = told.read(_records(flat, chunk, limits), chunk.first_record)
    check_unchanged(chunk, flat, None if chosen.also_read else told.read_records)
    if told.records != rows.num_rows + rejects.num_rows + told.forgotten:
        raise ContractError(f"{chunk.label}: {told.records} records, {rows.num_rows} rows, {rejects.num_rows} rejects")
    write_table(run.rejects(unit.shard), rejects, vast=["raw"])
    # What was forgotten leaves its place empty: rows have the keys that they had before.
    places = np.delete(np.arange(told.places, dtype=np.int64), told.gaps)
    keys = pa.chunked_array([pa.array((unit.shard << 32) + places, KEY.type)])
    counts = {
        "records": told.records,
        "read": told.read_records,
        "rejects": rejects.num_rows,
        "forgotten": told.forgotten,
        "reasons": dict(told.reasons),
        "source_bytes": max(chunk.end - chunk.start, 0),
        "file": chunk.label,
        "reader": chunk.reader,
    }
    return finish(run, INGEST, VERSION, unit, keys, rows, begun, counts=counts)


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


def _finish_fault(run: Run, unit: Unit, chunk: Chunk, fault: tuple[str, str], begun: float) -> dict[str, Any]:
    reason, hint = fault
    told = {"source": chunk.label, "record": chunk.first_record, "byte_offset": chunk.start, "reason": reason}
    rejects = pa.Table.from_pylist([{**told, "hint": hint, "raw": b""}], schema=REJECTS)
    write_table(run.rejects(unit.shard), rejects, vast=["raw"])
    counts = {"records": 1, "read": 1, "rejects": 1, "reasons": {reason: 1}, "source_bytes": 0}
    key = pa.chunked_array([pa.array([], KEY.type)])
    counts |= {"file": chunk.label, "reader": chunk.reader}
    return finish(run, INGEST, VERSION, unit, key, ROWS.empty_table(), begun, counts=counts)


def _records(flat: Path, chunk: Chunk, limits: ShardLimits) -> Iterator[tuple[int, Any]]:
    """(byte offset or row number, raw bytes or a Parquet row) of each record of a chunk."""
    if chunk.framing != "parquet":
        names = reader(chunk.reader).also_read
        for record in raw_records(flat, chunk.framing, chunk.start, chunk.end):
            inside = _inside(record, names, limits.max_record_bytes) if names else None
            if inside is None:
                yield record.offset, record
            else:
                yield from ((record.offset, value) for value in inside)
        return
    yield from table_rows(flat, chunk.start, chunk.end)


def _inside(record: Raw, names: Sequence[str], limit: int) -> list[Any] | None:
    """The records that a JSON object keeps in a list under one of `names`; None where it keeps none."""
    if record.size > limit:
        return None
    try:
        value = decode(record.raw)
    except Reject:
        return None
    lists = [value[name] for name in names if isinstance(value.get(name), list)] if isinstance(value, dict) else []
    return lists[0] if lists else None


class Told:
    """Turns records into rows and rejects, and counts every one of them."""

    def __init__(
        self,
        label: str,
        chosen: Reader,
        config: Any,
        limits: ShardLimits,
        key: UserKey,
        stones: Tombstones | None = None,
    ) -> None:
        self.label = label
        self.reader = chosen
        self.config = config
        self.limits = limits
        self.key = key
        self.stones = stones or Tombstones(key)
        self.forgotten = 0
        """Conversations, and records that could not be read, of those who were forgotten."""
        self.places = 0
        """Rows that there would be, had nobody been forgotten."""
        self.gaps: list[int] = []
        """The places of those that there are not."""
        self.read_records = 0
        """Lines, elements or Parquet rows."""
        self.records = 0
        """Conversations that they told, rejects included: a battle's line tells two."""
        self.reasons: Counter[str] = Counter()
        self.repeated = 0
        """Characters of records that told more than two conversations."""

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
                if self.stones and self.stones.hold_any_of(_bytes_of(record)):
                    self.forgotten += 1
                    continue
                self.reasons[reject.reason] += 1
                rejects.append(self._reject(number, offset, record, reject))
                continue
            self.records += len(drafts)
            self.places += len(drafts)
            if self.stones and self._is_forgotten(builder, _bytes_of(record), drafts):
                self.gaps += range(self.places - len(drafts), self.places)
                self.forgotten += len(drafts)
                continue
            for part, draft in enumerate(drafts):
                builder.add(number, _bytes_of(record), part, draft)
            if len(builder) >= _BATCH:
                rows.append(builder.table())
        rows.append(builder.table())
        return pa.concat_tables(rows), pa.Table.from_pylist(rejects, schema=REJECTS)

    def _is_forgotten(self, builder: RowBuilder, raw: bytes, drafts: Sequence[Draft]) -> bool:
        """Whether a conversation of the record was forgotten: sides of a battle and branches of a tree share turns."""
        return any(
            self.stones.hold(builder.id_of(raw, part, draft), builder.user_of(draft))
            for part, draft in enumerate(drafts)
        )

    def _drafts(self, record: Any) -> Sequence[Draft]:
        if isinstance(record, Raw) and record.size > self.limits.max_record_bytes:
            kept = "" if not record.left_out else f"; only its first {len(record.raw)} are kept here"
            raise Reject("too_large", f"{record.size} bytes; the limit is ingest.max_record_bytes{kept}")
        value = decode(record.raw) if isinstance(record, Raw) else record
        try:
            try:
                drafts = self.reader.parse(value, self.config)
            except Rounded:
                value = decode_exactly(record.raw) if isinstance(record, Raw) else exact(value)
                drafts = self.reader.parse(value, self.config)
        except Reject:
            raise
        except Exception as error:  # whatever a record does to a reader, it is one reject and no end of the run
            raise Reject("reader_failed", f"{type(error).__name__} in the reader {self.reader.name}") from None
        if not drafts:
            raise Reject("no_conversation", "the reader found no conversation in it")
        if len(drafts) > 2:  # branches of a tree repeat what they share, and a small record could fill memory
            self.repeated += sum(len(turn.content or "") for draft in drafts for turn in draft.messages)
            if self.repeated > _REPEATED:
                raise Reject("too_large", f"branches of the shard's trees hold more than {_REPEATED} characters")
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
