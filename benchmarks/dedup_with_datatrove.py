"""Near-duplicate clusters of a folder of JSON Lines files by datatrove's MinHash, at its default settings.

Runs in an environment of its own (requirements-datatrove.txt). Writes one cluster number a text, in order.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader


def main(texts: Path, out: Path, processes: int) -> None:
    """Clusters the field `text` of the files, as many at a time as there are processes."""
    files = sorted(texts.glob("*.jsonl"))
    config = MinhashConfig()

    def execute(step: object, tasks: int, *before: object) -> None:
        LocalPipelineExecutor(
            [*before, step], tasks=tasks, workers=processes, logging_dir=str(out / "logs"), skip_completed=False
        ).run()

    signatures, buckets, found = (str(out / name) for name in ("signatures", "buckets", "clusters"))
    execute(MinhashDedupSignature(output_folder=signatures, config=config), len(files), JsonlReader(str(texts)))
    execute(MinhashDedupBuckets(input_folder=signatures, output_folder=buckets, config=config), config.num_buckets)
    execute(MinhashDedupCluster(input_folder=buckets, output_folder=found, config=config, save_cluster_id=True), 1)
    clusters: list[int] = []
    for number, file in enumerate(files):
        with file.open("rb") as stream:
            mine = [-1 - len(clusters) - row for row in range(sum(1 for _ in stream))]  # by itself until joined
        told = Path(found) / f"{number:06d}.clusters"
        if told.exists():
            for row, cluster in struct.iter_unpack("<II", told.read_bytes()):
                mine[row] = cluster
        clusters += mine
    (out / "clusters.json").write_text(json.dumps(clusters))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
