"""One hostile file through the whole of ingest, and every promise about what comes out of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow.parquet as pq

from chatlog.engine.run import run
from chatlog.errors import ConfigError
from chatlog.pipeline import parse
from chatlog.schema import ROLES
from chatlog.sources import REASONS, reader

SPACE = b" \t\r\n"


class Told(NamedTuple):
    """What became of a file's records."""

    records: int
    rows: int
    rejects: int


def ingest(folder: Path, name: str, data: bytes, *, shard_rows: int = 20_000) -> Told:
    """Runs ingest on a file of these bytes in an empty folder, and removes what was made.

    Raises:
        AssertionError: a promise was broken; a crash raises what it raises.
    """
    path, out = folder / "a.json", folder / "run"
    path.write_bytes(data)
    ingest_table = {"shard_rows": shard_rows, "max_record_bytes": 200_000}
    pipeline = parse(
        {"name": "fuzz", "ingest": ingest_table, "source": [{"reader": name, "paths": [str(path)]}]}, folder
    )
    try:
        summary = run(pipeline, out, workers=1)
        return _checked(out, name, data, summary.shards, summary.counts["read"])
    except ConfigError as error:
        if name != "auto" or "name one of the readers" not in str(error):
            raise
        return Told(0, 0, 0)  # a format that nobody knows, told in one line
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _checked(out: Path, name: str, data: bytes, shards: int, read: int) -> Told:
    rows = rejects = records = 0
    for shard in range(shards):
        sidecar = orjson.loads((out / "ingest" / f"part-{shard:05d}.json").read_bytes())
        table = pq.read_table(out / "ingest" / f"part-{shard:05d}.parquet", partitioning=None)
        table.validate(full=True)
        kept = pq.read_table(out / "rejects" / f"part-{shard:05d}.parquet", partitioning=None)
        assert table.num_rows + kept.num_rows == sidecar["records"], "a record is unaccounted for"
        for row in table.to_pylist():
            assert row["messages"] and all(message["role"] in ROLES for message in row["messages"])
            assert isinstance(orjson.loads(row["meta"]), dict)
            assert row["conversation_id"] and row["source"] == "a.json"
        for reject in kept.to_pylist():
            assert reject["reason"] in REASONS and reject["hint"] and len(reject["hint"]) < 300
            assert reject["raw"], "a reject is kept whole"
        rows, rejects, records = rows + table.num_rows, rejects + kept.num_rows, records + sidecar["records"]
    chunks = orjson.loads((out / "ingest.json").read_bytes())["chunks"]
    if name != "auto" and reader(name).group is None and not reader(name).also_read:
        assert all(chunk["framing"] != "lines" for chunk in chunks) or read == sum(
            bool(line.strip(SPACE)) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        ), "a line is unaccounted for"
    return Told(records, rows, rejects)
