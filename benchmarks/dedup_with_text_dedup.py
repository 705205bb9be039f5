"""Near-duplicate clusters of a Parquet file of texts by text-dedup's MinHash, at its default settings.

Runs in an environment of its own (requirements-text-dedup.txt). Writes one cluster number a text, in order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
from text_dedup import minhash


def main(texts: Path, out: Path, processes: str) -> None:
    """Clusters the column `text`."""
    arguments = ["--path", "parquet", "--data_files", str(texts), "--split", "train", "--column", "text"]
    arguments += ["--output", str(out / "kept"), "--cache_dir", str(out / "cache"), "--num_proc", processes]
    minhash.main.main(arguments, standalone_mode=False)
    # A text that it left out as too short is in no cluster, and so is one by itself.
    rows = pq.read_metadata(texts).num_rows
    (out / "clusters.json").write_text(json.dumps([int(minhash.uf.find(row)) for row in range(rows)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
