"""Runs a pipeline and prints one JSON object: seconds by stage, and the peak memory of the process and its workers."""

from __future__ import annotations

import argparse
import json
import resource
import tomllib
from pathlib import Path

from measured import own_peak_mb


def main() -> None:
    """Runs the stages named over the logs."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from chatlog import run
    from chatlog.pipeline import parse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--stages", type=Path, help="TOML with [[stage]] tables; language alone without")
    parser.add_argument("--reader", default="auto")
    parser.add_argument("logs", nargs="+")
    asked = parser.parse_args()
    stages = asked.stages.read_text() if asked.stages else '[[stage]]\nuse = "language"\n'
    data = tomllib.loads(stages) | {"name": "benchmark"}
    data["source"] = [{"reader": asked.reader, "paths": [str(Path(path).resolve()) for path in asked.logs]}]
    summary = run(parse(data, Path.cwd()), asked.out, workers=asked.workers)
    peak, peak_worker = own_peak_mb(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    messages = sum(
        pc.sum(pc.list_value_length(pq.read_table(path, columns=["messages"])["messages"])).as_py() or 0
        for path in (asked.out / "ingest").glob("*.parquet")
    )
    print(
        json.dumps(
            {
                "counts": dict(summary.counts),
                "shards": summary.shards,
                "messages": messages,
                # By stage, of wall time with all workers, start-up included.
                "messages_a_second": {name: round(messages / max(s, 1e-3)) for name, s in summary.seconds.items()},
                "seconds": dict(summary.seconds),
                "peak_mb": peak,
                "peak_worker_mb": peak_worker,
            }
        )
    )


if __name__ == "__main__":
    main()
