"""What of a run is done, how fast it went, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatlog.engine.intake import stored_shards
from chatlog.engine.prints import Prints, fingerprints
from chatlog.engine.run import pipeline_of
from chatlog.engine.store import Run
from chatlog.pipeline import INGEST, Pipeline, PlannedStep, plan


@dataclass(frozen=True)
class StageStatus:
    """One stage of a run.

    Attributes:
        stage: its name.
        shards: how many it has in all.
        done: shards whose part file was made by the pipeline as it stands.
        stale: shards that were made by other settings or from other inputs.
        rows: rows of the shards that are done.
        seconds: work that they took, summed over workers.
        bytes: size of their part files.
        failed: rows of them that failed, such as conversations whose moderation ended in an error.
        counts: what their work cost beside time, such as the tokens that a model was sent and its cache held.
    """

    stage: str
    shards: int
    done: int
    stale: int
    rows: int
    seconds: float
    bytes: int
    failed: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Shards that a run would make."""
        return self.shards - self.done

    @property
    def rows_per_second(self) -> float | None:
        """Rows a second of work; None when nothing was measured."""
        return self.rows / self.seconds if self.seconds else None


def status(root: str | Path) -> list[StageStatus]:
    """The stages of a run in order.

    Raises:
        ConfigError: the folder holds no run, or its pipeline no longer fits together.
    """
    run, pipeline = pipeline_of(root)
    return stage_status(run, pipeline, plan(pipeline).steps)


def stage_status(run: Run, pipeline: Pipeline, steps: Sequence[PlannedStep]) -> list[StageStatus]:
    """As status, for a pipeline that was planned already."""
    shards = stored_shards(run, pipeline)
    prints: Prints = {INGEST: [shard.fingerprint for shard in shards]}
    for step in steps:
        prints[step.name] = fingerprints(run, step, prints, len(shards))
    return [_stage(run, name, each) for name, each in prints.items()]


def _stage(run: Run, name: str, prints: list[str]) -> StageStatus:
    done = stale = rows = size = failed = 0
    seconds = 0.0
    counts: Counter[str] = Counter()
    for shard, fingerprint in enumerate(prints):
        sidecar = run.read_sidecar(name, shard)
        if sidecar is None:
            continue
        if not run.is_done(name, shard, fingerprint):
            stale += 1
            continue
        done += 1
        rows += sidecar["rows"]
        size += sidecar["bytes"]
        seconds += sidecar["seconds"]
        failed += sidecar.get("failed", 0)
        counts.update(sidecar.get("counts", {}))
    return StageStatus(name, len(prints), done, stale, rows, round(seconds, 3), size, failed, dict(counts))
