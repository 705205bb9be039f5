"""Which reader a file is for, told from its first records."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final

from chatlog.errors import ConfigError
from chatlog.sources import READERS
from chatlog.sources.framing import array_start, decode, framing_of, raw_records
from chatlog.sources.record import Reject

_SAMPLE: Final = 50
"""Records that are looked at."""

_WINDOW: Final = 16 << 20
"""Bytes that are looked at, at most."""


def detect(flat: Path, label: str) -> tuple[str, str]:
    """(reader, why) for an uncompressed file: the reader that recognises most of its first records.

    Raises:
        ConfigError: no reader recognises any of them.
    """
    values = list(islice(_values(flat), _SAMPLE))
    scores = {reader.name: sum(reader.recognise(value) for value in values) for reader in READERS}
    best = max(scores, key=lambda name: scores[name])
    if not values or scores[best] <= 0:
        raise ConfigError(
            f"{label}: none of its first {len(values)} readable records is of a known format; name a reader: "
            + ", ".join(reader.name for reader in READERS)
        )
    return (
        best,
        f"{best} recognised its first {len(values)} records with a mean score of {scores[best] / len(values):.2f}",
    )


def _values(flat: Path) -> Any:
    framing = framing_of(flat)
    if framing == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(flat) as file:
            for batch in file.iter_batches(batch_size=_SAMPLE):
                yield from batch.to_pylist()
                return
        return
    start = array_start(flat) if framing == "array" else 0
    for record in raw_records(flat, framing, start, min(flat.stat().st_size, start + _WINDOW)):
        try:
            yield decode(record.raw)
        except Reject:
            continue
