"""What the layout of a release's files is worth: bytes that stay when rows are added, and groups that a filter skips.

    python benchmarks/release_files.py [--rows N] [--added N]

Prints one JSON object. The rows are invented conversations in ten languages. Files are cut by content into pieces of
8 KB on average, by a gear hash (Xia et al. 2016), as a store that deduplicates does with larger ones; `kept` is the
share of the new file's bytes whose pieces stand in the old file. `fixed` are files with groups of 1,000 rows and pages
of a fixed size, `paged` those with groups of 1,000 rows and pages cut by content, `ours` what a release has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chatlog.release.data import write_parquet

_BITS = 13
_GEAR = np.random.default_rng(1).integers(0, 1 << 62, 256, dtype=np.uint64)
_WORDS = [f"{word:x}" for word in np.random.default_rng(0).integers(1 << 16, 1 << 30, 5_000)]


def row(number: int) -> dict[str, Any]:
    """One conversation, the same for the same number."""
    rng = random.Random(number)

    def said(role: str, most: int) -> dict[str, str]:
        return {"content": " ".join(rng.choices(_WORDS, k=rng.randint(20, most))), "role": role}

    told = {"conversation_id": hashlib.sha256(str(number).encode()).hexdigest()[:32]}
    told |= {"language": f"language {int(rng.paretovariate(0.7)) % 10}", "model": f"model {rng.randrange(8)}"}
    return told | {"conversation": [said("user", 200), said("assistant", 300)]}


def pieces(path: Path) -> dict[bytes, int]:
    """The pieces of a file by digest, with their sizes."""
    data = path.read_bytes()
    gears = _GEAR[np.frombuffer(data, np.uint8)]
    hashes = np.zeros_like(gears)
    for back in range(64):
        hashes[back:] += gears[: len(gears) - back] << np.uint64(back)
    ends = np.flatnonzero(hashes >> np.uint64(64 - _BITS) == 0) + 1
    found, start = {}, 0
    for end in [*ends.tolist(), len(data)]:
        found[hashlib.sha256(data[start:end]).digest()] = end - start
        start = end
    return found


def write(rows: list[dict[str, Any]], layout: str, path: Path) -> Path:
    """Writes the rows in one of the layouts; all but `unsorted` are sorted as a release is."""
    table = pa.Table.from_pylist(rows)
    if layout != "unsorted":
        keys = [(key, "ascending") for key in ("language", "model", "conversation_id")]
        table = table.take(pc.sort_indices(table, sort_keys=keys)).combine_chunks()
    if layout in ("ours", "unsorted"):
        write_parquet(table, path, "conversation_id")
    else:
        cut = layout == "paged"
        how = {"compression": "zstd", "compression_level": 6, "use_content_defined_chunking": cut}
        pq.write_table(table, path, row_group_size=1_000, **how)
    return path


def read_share(path: Path, language: str) -> float:
    """The share of row groups that hold a language by their statistics, which a reader that filters has to fetch."""
    with pq.ParquetFile(path) as file:
        place = file.schema_arrow.names.index("language")
        bounds = [file.metadata.row_group(at).column(place).statistics for at in range(file.num_row_groups)]
    return sum(bound.min <= language <= bound.max for bound in bounds) / len(bounds)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--added", type=int, nargs="+", default=[1, 12, 120])
    asked = parser.parse_args()
    rows = [row(number) for number in range(asked.rows)]
    told: dict[str, Any] = {"rows": asked.rows, "kept": {}, "groups_read": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for layout in ("ours", "paged", "fixed"):
            old = pieces(write(rows, layout, folder / "old"))
            told[f"bytes_{layout}"] = (folder / "old").stat().st_size
            kept = {}
            for added in asked.added:
                more = [*rows, *(row(asked.rows + number) for number in range(added))]
                new = pieces(write(more, layout, folder / "new"))
                kept[str(added)] = round(sum(size for key, size in new.items() if key in old) / sum(new.values()), 3)
            told["kept"][layout] = kept
        for layout in ("ours", "unsorted"):
            path = write(rows, layout, folder / layout)
            told["groups_read"][layout] = round(read_share(path, "language 3"), 3)
        with pq.ParquetFile(folder / "ours") as file:
            sizes = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            told["group_rows"] = {"least": min(sizes), "mean": round(sum(sizes) / len(sizes)), "most": max(sizes)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
