"""The records that no row could be made of: counted, listed, and given back to be mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow.parquet as pq

from chatlog.engine.intake import planned_shards
from chatlog.engine.store import open_run, write_atomically
from chatlog.errors import ConfigError
from chatlog.sources.record import REASONS

_COLUMNS: Final = ("source", "record", "byte_offset", "reason", "hint")


def rejects(root: str | Path, reason: str | None = None) -> Iterator[dict[str, Any]]:
    """The rejects of a run in order, with `raw`, their bytes; those of one reason when it is given.

    Raises:
        ConfigError: the folder holds no run, or there is no such reason.
    """
    if reason is not None and reason not in REASONS:
        raise ConfigError(f"unknown reason {reason!r}; there are {', '.join(REASONS)}")
    run = open_run(Path(root))
    for shard in range(planned_shards(run)):
        path = run.rejects(shard)
        if not path.exists():
            continue
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=100):
                for row in batch.to_pylist():
                    if reason is None or row["reason"] == reason:
                        yield row


def without_text(reject: dict[str, Any]) -> dict[str, Any]:
    """Where a reject stood and why it is one, without its bytes; `size` is their number."""
    return {name: reject[name] for name in _COLUMNS} | {"size": len(reject["raw"])}


def export_rejects(root: str | Path, out: Path, reason: str | None = None) -> int:
    """Writes the rejects' bytes to a file, one record a line, and tells how many lines these are.

    The file can be mended by hand and given to the pipeline as one more source.

    Raises:
        ConfigError: as rejects.
        DataError: the file cannot be written.
    """
    count = 0

    def write(stream: BinaryIO) -> None:
        nonlocal count
        for reject in rejects(root, reason):
            if not reject["raw"]:  # a whole file that could not be read: there is no record to mend
                continue
            # Between JSON values a line end says what a space says; inside a broken record it would cut it in two.
            stream.write(reject["raw"].replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
            count += 1

    write_atomically(out, write)
    return count
