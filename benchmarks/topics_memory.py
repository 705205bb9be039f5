"""What the stage `topics` costs as logs grow: seconds and the greatest memory, on made-up conversations.

python benchmarks/topics_memory.py --rows 100000 1000000

Each number of rows runs in a process of its own; a JSON object each. Vectors lie around 200 middles of as many
dimensions as the default embedder's; questions are of 200 subjects, in words of their own. Nothing is embedded.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from chatlog.models.embedding_column import to_column
from chatlog.schema import KEY, MESSAGES
from chatlog.stages.topics import TopicsConfig, run_topics

SUBJECTS = 200
WIDTH = 896
SHARD = 20_000
_MEBIBYTE = 1024  # ru_maxrss is in KiB on Linux


class Shard:
    """Makes the rows of one shard each time that it is read, as a file would be."""

    def __init__(self, number: int, rows: int) -> None:
        self._number = number
        self._rows = rows

    def __call__(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The key and these columns, or all."""
        rng = np.random.default_rng([7, self._number])
        subject = rng.integers(SUBJECTS, size=self._rows)
        middles = np.random.default_rng(7).normal(size=(SUBJECTS, WIDTH)).astype(np.float32)
        vectors = middles[subject] + rng.normal(scale=1.5, size=(self._rows, WIDTH)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        key = (self._number << 32) + np.arange(self._rows)
        messages = [
            [{"role": "user", "content": f"How do I word{kind} a thing{kind % 17} like number {row}?"}]
            for kind, row in zip(subject.tolist(), key.tolist(), strict=True)
        ]
        table = pa.table(
            {
                KEY.name: pa.array(key, pa.int64()),
                "embedding": to_column(vectors, np.ones(self._rows, dtype=bool)),
                "messages": pa.array(messages, MESSAGES),
                "user_key": pa.array([f"user{row % 5000}" for row in key.tolist()]),
            }
        )
        return table if columns is None else table.select([KEY.name, *columns])


def measure(rows: int) -> dict[str, object]:
    """Runs the stage over so many rows."""
    shards = [Shard(number, min(SHARD, rows - start)) for number, start in enumerate(range(0, rows, SHARD))]
    began, worked = time.perf_counter(), time.process_time()
    assigned = sum(table.num_rows for table in run_topics(TopicsConfig(subjects=False), shards))
    return {
        "rows": assigned,
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEBIBYTE),
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    given = options.parse_args()
    if len(given.rows) == 1:
        print(json.dumps(measure(given.rows[0])), flush=True)
    else:
        for count in given.rows:
            subprocess.run([sys.executable, __file__, "--rows", str(count)], check=True)
