"""Cuts sources into chunks: fixed runs of records that become one shard each.

One pass over every file counts its records, hashes its bytes and notes where to cut. The cuts
depend on the bytes and the limits alone, so shards are the same whatever reads them later.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from chatlog.errors import ConfigError, DataError
from chatlog.sources.framing import (
    BLOCK,
    Positions,
    array_spans,
    array_start,
    blocks_of,
    framing_of,
    line_spans,
    raw_records,
)
from chatlog.sources.grouping import write_groups

SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".log")
COMPRESSED: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}


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

    def to_json(self) -> dict[str, Any]:
        """The chunk as a JSON object."""
        return asdict(self)


def expand(paths: Sequence[str], base: Path) -> list[tuple[Path, str]]:
    """The files that paths, globs and folders name, sorted, each with its label.

    A label is the path relative to the deepest folder that holds them all.

    Raises:
        ConfigError: a path or a glob names nothing.
        DataError: a file cannot be read.
    """
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(os.path.normpath(base / Path(text).expanduser()))
        if path.is_dir():
            matches = sorted(item for item in path.rglob("*") if _is_log(item))
        elif any(mark in text for mark in "*?["):
            anchor = Path(path.anchor)
            matches = sorted(item for item in anchor.glob(str(path.relative_to(anchor))) if item.is_file())
        else:
            matches = [path] if path.exists() else []
        if not matches:
            raise ConfigError(
                f"no such file: {path}. Source paths resolve against the pipeline's folder, --input against yours"
            )
        found.update(dict.fromkeys(matches))
    files = list(found)
    for file in files:
        if not os.access(file, os.R_OK) or not file.is_file():
            raise DataError(f"cannot read {file}: permission denied or not a file")
    root = files[0].parent if len(files) == 1 else Path(os.path.commonpath([file.parent for file in files]))
    return [(file, file.relative_to(root).as_posix()) for file in files]


def _is_log(path: Path) -> bool:
    suffixes = path.suffixes
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes = suffixes[:-1]
    return path.is_file() and not path.name.startswith(".") and bool(suffixes) and suffixes[-1] in SUFFIXES


def compression_of(path: Path) -> str | None:
    """`gzip`, `zstd` or None, from the file's first bytes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return "gzip" if magic[:2] == b"\x1f\x8b" else "zstd" if magic == b"\x28\xb5\x2f\xfd" else None


def flat_name(path: Path) -> str:
    """The name under which the decompressed copy of a file is kept while it is read."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:24]


def decompress(path: Path, flat: Path) -> None:
    """Writes the decompressed bytes of `path` to `flat`, whole or not at all.

    Raises:
        DataError: the archive is damaged or cut off, or the disk is full.
    """
    import pyarrow as pa

    kind = compression_of(path)
    partial = flat.with_suffix(f".{os.getpid()}.tmp")
    try:
        with pa.input_stream(str(path), compression=kind) as stream, partial.open("wb") as out:
            while block := stream.read(BLOCK):
                out.write(block)
        partial.replace(flat)
    except (OSError, pa.ArrowInvalid, EOFError) as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"cannot decompress {path}: damaged, cut off, or no space left for its copy") from error


def gather(flat: Path, group: Callable[[Any], str | None], copy: Path) -> None:
    """Writes the records of `flat` to `copy`, those of one conversation as one line, whole or not at all.

    Raises:
        DataError: the disk is full, or the file cannot be read.
    """
    framing = framing_of(flat)
    start = array_start(flat) if framing == "array" else 0
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
        yield from _cut_parquet(flat, max_records)
    elif framing == "document":
        size = flat.stat().st_size
        yield (framing, 0, size, 0, 1, _digest(flat, 0, size))
    else:
        yield from ((framing, *piece) for piece in _cut_spans(flat, framing, max_records, max_bytes))


def _cut_spans(flat: Path, framing: str, max_records: int, max_bytes: int) -> Iterator[tuple[int, int, int, int, str]]:
    first, records, start, end = 0, 0, -1, -1

    def piece() -> tuple[int, int, int, int, str]:
        return (start, end, first, records, _digest(flat, start, end))

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
    with flat.open("rb") as stream:
        if framing == "lines":
            yield from line_spans(blocks_of(stream))
            return
        with flat.open("rb") as look:
            for starts, ends in array_spans(blocks_of(stream)):
                keep = np.ones(starts.size, dtype=bool)
                for index in np.flatnonzero(ends - starts < 1024):
                    look.seek(int(starts[index]))
                    keep[index] = bool(look.read(int(ends[index] - starts[index])).strip())
                yield starts[keep], ends[keep]


def _cut_parquet(flat: Path, max_records: int) -> Iterator[tuple[str, int, int, int, int, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_metadata(flat).num_rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{flat} begins like Parquet, but its footer cannot be read: it is damaged or cut off"
        ) from error
    digest = _digest(flat, 0, flat.stat().st_size)
    for start in range(0, rows, max_records):
        end = min(rows, start + max_records)
        yield ("parquet", start, end, start, end - start, f"{digest}:{start}-{end}")


def _digest(path: Path, start: int, end: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(start)
        for block in blocks_of(stream, end - start):
            digest.update(block)
    return digest.hexdigest()
