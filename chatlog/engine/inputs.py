"""The files of a run while it reads them: flat copies, standard input, and whether a file has changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chatlog.engine.store import Run
from chatlog.errors import ConfigError, DataError
from chatlog.settings import ShardLimits
from chatlog.sources import reader
from chatlog.sources.chunks import Chunk, digest_of, flat_name, gather, state_of
from chatlog.sources.framing import BLOCK, framing_of
from chatlog.sources.unpack import Roomy, compression_of, unpack

STDIN: Final = "-"
"""How standard input is named among paths."""

KEPT: Final = "stdin"
"""The file of the run folder that keeps what came on standard input; also its label."""


def flat_file(run: Run, chunk: Chunk, limits: ShardLimits) -> Path:
    """The file that a chunk is a range of: the source itself, or a copy in the run folder.

    The copy is unpacked, or gathered by conversation. It is made when it is not there, and removed
    once every shard is ingested.
    """
    path = Path(chunk.path)
    return gathered(run, path, chunk.member, unpacked(run, path, chunk.member, limits)[0], chunk.reader)


def unpacked(run: Run, path: Path, member: int, limits: ShardLimits) -> tuple[Path, str]:
    """The file itself or its unpacked copy, and why the copy is not whole (empty where it is).

    Raises:
        DataError: the file cannot be read, or the disk is full.
    """
    flat, fault = path, ""
    for kind in ("flat", "flat2"):  # a member of an archive may be compressed itself
        if compression_of(flat) is None or (compression_of(flat) == "zip" and (kind == "flat2" or member < 0)):
            break
        packed, index = flat, member if kind == "flat" else -1

        def make(copy: Path, packed: Path = packed, index: int = index) -> None:
            why = unpack(packed, index, copy, limits.max_unpacked_bytes)
            copy.with_name(f"{copy.name}.fault").write_text(why, encoding="utf-8")

        # The limit stands in the name: under another one, the copy would be another.
        flat = _spooled(run, path, member, f"{kind}{limits.max_unpacked_bytes}", make)
        fault = fault or flat.with_name(f"{flat.name}.fault").read_text(encoding="utf-8")
    return flat, fault


def gathered(run: Run, path: Path, member: int, flat: Path, reader_name: str) -> Path:
    """The uncompressed file, or a copy with one conversation a line for readers that need it."""
    group = reader(reader_name).group
    if group is None or framing_of(flat) == "parquet":
        return flat
    return _spooled(run, path, member, reader_name, lambda copy: gather(flat, group, copy))


def _spooled(run: Run, path: Path, member: int, kind: str, make: Callable[[Path], None]) -> Path:
    folder = run.root / "spool"
    folder.mkdir(mode=0o700, exist_ok=True)
    stem = f"{flat_name(path, member)}-{kind}"
    copy = folder / f"{stem}-{state_of(path)}"
    if not copy.exists():
        for old in folder.glob(f"{stem}-*"):
            old.unlink(missing_ok=True)
        make(copy)
    return copy


def check_unchanged(chunk: Chunk, flat: Path, records: int | None) -> None:
    """Nothing, when what was read of a chunk is what was planned.

    A log that has only grown is as it was. The bytes are looked at again where the file's size or
    time has changed, and nowhere else.

    Raises:
        DataError: the file has changed since it was cut.
    """
    same = records is None or records == chunk.records
    if same and state_of(Path(chunk.path)) != chunk.state:
        end = chunk.end if chunk.framing != "parquet" else flat.stat().st_size
        start = chunk.start if chunk.framing != "parquet" else 0
        same = digest_of(flat, start, end) == chunk.digest.partition(":")[0]
    if not same:
        raise DataError(f"{chunk.label} changed while it was read ({chunk.path}); run the same command again")


def keep_stdin(run: Run) -> Path:
    """The file of the run folder that holds standard input, read to its end; on a terminal, what was kept before.

    Raises:
        ConfigError: nothing came, and nothing was kept.
        DataError: the disk is full, or will soon be.
    """
    kept = run.root / KEPT
    stream = None if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty() else sys.stdin.buffer
    temporary = run.root / f".tmp-{os.getpid()}-{KEPT}"
    size = 0
    try:
        with temporary.open("wb") as out:
            roomy = Roomy(out, run.root)
            while stream is not None and (block := stream.read(BLOCK)):
                roomy.write(block)
                size += len(block)
        if size:
            temporary.replace(kept)
    except OSError as error:
        raise DataError(f"cannot keep standard input in {run.root}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
    if not size and not kept.exists():
        raise ConfigError(f"nothing came on standard input, which the path {STDIN} names: pipe logs into the command")
    return kept
