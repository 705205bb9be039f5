"""Cuts sources into chunks: fixed runs of records that become one shard each.

One pass over every file counts its records, hashes its bytes and notes where to cut. The cuts
depend on the bytes and the limits alone, so shards are the same whatever reads them later.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from chatlog.errors import DataError
from chatlog.sources.framing import (
    Positions,
    after_space,
    array_spans,
    blocks_of,
    framing_of,
    line_spans,
    raw_records,
    start_of,
)
from chatlog.sources.grouping import write_groups
from chatlog.sources.tables import size_of

PLACE: Final = ("path", "member", "state", "fault")
"""Attributes of a chunk that do not tell what it holds: the digest does."""


@dataclass(frozen=True)
class Chunk:
    """One fixed run of records of one file: what one ingest unit reads.

    Attributes:
        source: index of the pipeline's source.
        path: the file, absolute.
        label: the file, relative to the source's root: what rows name.
        reader: the reader's name, `auto` settled.
        framing: lines, array, document or parquet.
        start: first byte in the decompressed file; first row for Parquet.
        end: one past the last byte or row.
        first_record: number of the first record, counted from 0 without blank lines.
        records: how many there are.
        digest: SHA-256 of the bytes; for Parquet of the file, with the range.
        member: the file's place in the archive `path`; -1 where it is no archive.
        state: size and time of the file when it was cut, to tell whether it has changed since.
        fault: reason and hint of the reject that this chunk is, where a file could not be read.
    """

    source: int
    path: str
    label: str
    reader: str
    framing: str
    start: int
    end: int
    first_record: int
    records: int
    digest: str
    member: int = -1
    state: str = ""
    fault: tuple[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The chunk as a JSON object."""
        return asdict(self)


def flat_name(path: Path, member: int = -1) -> str:
    """The name under which the unpacked copy of a file is kept while it is read."""
    return hashlib.sha256(os.fsencode(f"{path}\0{member}" if member >= 0 else str(path))).hexdigest()[:24]


def state_of(path: Path) -> str:
    """Size and time of a file: where they are as before, so are its bytes.

    Raises:
        DataError: the file is gone.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return f"{found.st_size}-{found.st_mtime_ns}"


def gather(flat: Path, group: Callable[[Any], str | None], copy: Path) -> None:
    """Writes the records of `flat` to `copy`, those of one conversation as one line, whole or not at all.

    Raises:
        DataError: the disk is full, or the file cannot be read.
    """
    framing = framing_of(flat)
    start = start_of(flat, framing)
    partial = copy.with_suffix(f".{os.getpid()}.tmp")
    try:
        with partial.open("wb") as out:
            write_groups(raw_records(flat, framing, start, flat.stat().st_size), flat, group, out)
        partial.replace(copy)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"cannot gather the conversations of {flat}: {error.strerror}") from error


def cut(flat: Path, *, max_records: int, max_bytes: int) -> Iterator[tuple[str, int, int, int, int, str]]:
    """(framing, start, end, first_record, records, digest) of each chunk of an uncompressed file, in order.

    Raises:
        DataError: a Parquet file is damaged.
    """
    framing = framing_of(flat)
    if framing == "parquet":
        yield from _cut_parquet(flat, max_records, max_bytes)
    elif framing == "document":
        start, size = start_of(flat, framing), flat.stat().st_size
        yield (framing, start, size, 0, 1, digest_of(flat, start, size))
    else:
        yield from ((framing, *piece) for piece in _cut_spans(flat, framing, max_records, max_bytes))


def _cut_spans(flat: Path, framing: str, max_records: int, max_bytes: int) -> Iterator[tuple[int, int, int, int, str]]:
    first, records, start, end = 0, 0, -1, -1

    def piece() -> tuple[int, int, int, int, str]:
        return (start, end, first, records, digest_of(flat, start, end))

    for starts, ends in _spans(flat, framing):
        at = 0
        while at < starts.size:
            if records == 0:
                start = int(starts[at])
            by_count = at + max_records - records
            by_bytes = int(np.searchsorted(ends, start + max_bytes, side="right"))
            stop = min(by_count, by_bytes, starts.size)
            if records == 0:
                stop = max(stop, at + 1)  # a record over the limit has a chunk of its own
            if stop > at:
                records += stop - at
                end = int(ends[stop - 1])
                at = stop
            if at < starts.size:
                yield piece()
                first, records = first + records, 0
    if records:
        yield piece()


def _spans(flat: Path, framing: str) -> Iterator[tuple[Positions, Positions]]:
    """As line_spans and array_spans, with blank spans left out."""
    start = start_of(flat, framing)
    with flat.open("rb") as stream:
        stream.seek(start)
        if framing == "lines":
            yield from line_spans(blocks_of(stream), start)
            return
        with flat.open("rb") as look:
            for starts, ends in array_spans(blocks_of(stream), start):
                spans = zip(starts.tolist(), ends.tolist(), strict=True)
                keep = np.array([after_space(look, begin, end) < end for begin, end in spans], dtype=bool)
                yield starts[keep], ends[keep]


def _cut_parquet(flat: Path, max_records: int, max_bytes: int) -> Iterator[tuple[str, int, int, int, int, str]]:
    rows, size = size_of(flat)
    step = max(1, min(max_records, max_bytes * rows // max(size, 1)))
    digest = digest_of(flat, 0, flat.stat().st_size)
    for start in range(0, rows, step):
        end = min(rows, start + step)
        yield ("parquet", start, end, start, end - start, f"{digest}:{start}-{end}")


def digest_of(path: Path, start: int, end: int) -> str:
    """SHA-256 of a range of bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(start)
        for block in blocks_of(stream, end - start):
            digest.update(block)
    return digest.hexdigest()
