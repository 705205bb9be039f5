"""The last canary measurement, kept beside a run, and whether it still tells of the run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from chatlog.engine.identity import digest
from chatlog.engine.store import Run
from chatlog.errors import DataError

CANARIES: Final = "pii_canaries.json"
"""The file at the top of the run folder, mode 0600; it holds counts and no text."""

CANARY_ROWS: Final = pa.schema(
    [
        pa.field("dimension", pa.string()),  # all, type, language, role, placement, form, frame, names
        pa.field("value", pa.string()),
        pa.field("planted", pa.int64()),
        pa.field("gone", pa.int64()),
        pa.field("recall", pa.float64()),
        pa.field("low", pa.float64()),  # 95 % Wilson interval
        pa.field("high", pa.float64()),
    ]
)
"""The columns of the view `canaries`."""


def redact_print(run: Run) -> str | None:
    """One hash of the fingerprints of `redact`'s shards: settings, version and inputs; None where there are none."""
    sidecars = [run.read_sidecar("redact", shard) for shard in run.shards_of("redact")]
    prints = [sidecar.get("fingerprint") for sidecar in sidecars if sidecar is not None]
    return digest(prints) if prints else None


def keep_canaries(run: Run, told: Mapping[str, Any]) -> None:
    """Writes a measurement into the run folder, in place of the one before.

    Raises:
        DataError: the folder cannot be written.
    """
    before = os.umask(0o077)
    try:
        run.write_json(CANARIES, told)
    finally:
        os.umask(before)


def kept_canaries(run: Run) -> dict[str, Any] | None:
    """The kept measurement; None where there is none, or `redact` ran under other settings or on other rows since.

    Raises:
        DataError: the file is damaged.
    """
    told = run.read_json(CANARIES)
    if told is None or told.get("redact") != redact_print(run):
        return None
    try:
        pa.Table.from_pylist(list(_rows(told)), schema=CANARY_ROWS)
    except (KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DataError(
            f"{run.root / CANARIES} is damaged; measure again with: chatlog pii RUN --canaries N"
        ) from error
    return told


def canary_rows(run: Run) -> pa.Table:
    """The kept measurement as a table, empty where `kept_canaries` gives None."""
    told = kept_canaries(run)
    return pa.Table.from_pylist([] if told is None else list(_rows(told)), schema=CANARY_ROWS)


def _rows(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for dimension, rows in {"all": [told["overall"]], **told["by"]}.items():
        for row in rows:
            yield {"dimension": dimension} | {name: row[name] for name in CANARY_ROWS.names[1:]}
