"""Runs a pipeline: what is stale is made, step by step; what is done is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from chatlog.engine.environment import record_environment
from chatlog.engine.events import Listener, ShardDone, StepDone, StepStarted, silent
from chatlog.engine.forgetting import apply_tombstones
from chatlog.engine.intake import IngestShard, plan_ingest, stored_shards
from chatlog.engine.local import Work, run_units
from chatlog.engine.prints import Prints, failures, fingerprints
from chatlog.engine.shard import Unit
from chatlog.engine.store import Run, lock, open_run
from chatlog.engine.tombstones import with_shared
from chatlog.engine.userkey import user_key
from chatlog.engine.whole import run_global
from chatlog.errors import ConfigError
from chatlog.pipeline import INGEST, Pipeline, Plan, PlannedStep, parse, plan
from chatlog.stage import GlobalStage, Stage

_BYTES_A_WORKER: Final = 8 << 20
_ROWS_A_WORKER: Final = 1_000
"""What one more process is started for: it imports packages and loads a model before its first row."""


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    Attributes:
        root: the run folder.
        shards: shards of the run.
        made: units that were made now, by stage; 0 where all was done before.
        seconds: wall time by stage.
        counts: records, rows and rejects of ingest.
        failed: rows that failed, by stage, where a stage tells of such rows (`Stage.retry`).
    """

    root: Path
    shards: int
    made: Mapping[str, int]
    seconds: Mapping[str, float]
    counts: Mapping[str, int]
    failed: Mapping[str, int]


def run(
    pipeline: Pipeline,
    out: str | Path,
    *,
    workers: int | None = None,
    until: str | None = None,
    retry_errors: bool = False,
    listener: Listener = silent,
) -> RunSummary:
    """Runs or resumes a pipeline in the folder `out`, up to the stage `until` or to its end.

    Args:
        pipeline: from chatlog.load.
        out: the run folder; made when it is not there.
        workers: processes; by default one a core, fewer for little work. The bytes do not depend on it.
        until: the last stage to run.
        retry_errors: whether the rows that failed (moderation errors) are given to their stage once more.
        listener: told of progress.

    Raises:
        ConfigError: the pipeline does not fit together, or the folder is another pipeline's or in use.
        DataError: a source cannot be read, or the disk is full.
        ContractError: a stage broke its promise.
    """
    planned = plan(pipeline, until)
    if workers is not None and workers < 1:
        raise ConfigError(f"workers should be at least 1, found {workers}")
    folder = Run(Path(out))
    _check_folder(folder, pipeline)
    with lock(folder):
        keep_pipeline(folder, pipeline)
        forget_first(folder, pipeline)
        return _run(folder, pipeline, planned, workers, retry_errors, listener)


def pipeline_of(root: str | Path) -> tuple[Run, Pipeline]:
    """A run folder and the pipeline that it was made by.

    Raises:
        ConfigError: the folder holds no run, or its pipeline no longer parses.
    """
    folder = open_run(Path(root))
    stored = folder.read_json("run.json") or {}
    return folder, parse(stored["pipeline"], Path(stored["base"]))


def _check_folder(folder: Run, pipeline: Pipeline) -> None:
    if folder.root.exists() and not folder.root.is_dir():
        raise ConfigError(f"{folder.root} exists and is not a run folder; give a folder that is empty or new")
    stored = folder.read_json("run.json")
    if stored is not None:
        if stored.get("name") != pipeline.name:
            raise ConfigError(
                f"{folder.root} holds a run of the pipeline {stored.get('name')!r}, this one is {pipeline.name!r}; "
                "give another --out"
            )
    elif folder.root.exists() and set(os.listdir(folder.root)) - {".lock", "user.key"}:
        raise ConfigError(f"{folder.root} exists and is not a run folder; give a folder that is empty or new")


def _run(
    folder: Run, pipeline: Pipeline, planned: Plan, asked: int | None, retry_errors: bool, listener: Listener
) -> RunSummary:
    made: dict[str, int] = {}
    seconds: dict[str, float] = {}
    shards = plan_ingest(folder, pipeline)
    folder.remove_shards_from([INGEST, *(step.name for step in planned.steps)], len(shards))
    prints: Prints = {INGEST: [shard.fingerprint for shard in shards]}
    steps: list[PlannedStep | None] = [None, *planned.steps]
    for step in steps:
        name = step.name if step else INGEST
        begun = time.monotonic()
        if step is not None:
            prints[name] = fingerprints(folder, step, prints, len(shards))
        stale = [shard for shard, print_ in enumerate(prints[name]) if not folder.is_done(name, shard, print_)]
        if retry_errors and step is not None:
            stale += sorted(failures(folder, step, prints[name]))
        if stale:
            record_environment(folder)
        listener(StepStarted(name, len(shards), len(shards) - len(stale)))
        if step is None:
            size = sum(shards[shard].chunk.end - shards[shard].chunk.start for shard in stale)
            workers = asked or _worth(size, _BYTES_A_WORKER)
            sidecars = run_units(ingest_work(folder, pipeline, shards, stale), workers)
        elif isinstance(step.step.stage, GlobalStage):
            units = [unit_of(folder, step, shard, print_) for shard, print_ in enumerate(prints[name])]
            sidecars = run_global(folder, step, units) if stale else iter(())
        else:
            sidecars = _run_rows(folder, step, prints[name], stale, asked)
        _tell(name, sidecars, len(stale), begun, listener)
        made[name] = len(stale)
        seconds[name] = round(time.monotonic() - begun, 3)
        if step is None:
            _clear_spool(folder)
    failed = {
        step.name: sum(failures(folder, step, prints[step.name]).values())
        for step in planned.steps
        if isinstance(step.step.stage, Stage) and step.step.stage.retry
    }
    return RunSummary(folder.root, len(shards), made, seconds, ingest_counts(folder, len(shards)), failed)


def run_stage(
    folder: Run, pipeline: Pipeline, name: str, *, workers: int | None = None, listener: Listener = silent
) -> int:
    """Makes what is stale of one row stage over rows that are there, and nothing else; how many shards.

    The run keeps `pipeline`; its sources are not looked at. The stages that `name` reads from must be done.

    Raises:
        ConfigError: the pipeline does not fit together, the folder is in use, or a stage before is not done.
        ContractError: the stage broke its promise.
    """
    planned = plan(pipeline, until=name)
    with lock(folder):
        forget_first(folder, pipeline)
        shards = stored_shards(folder, pipeline)
        prints: Prints = {INGEST: [shard.fingerprint for shard in shards]}
        for step in planned.steps:
            prints[step.name] = fingerprints(folder, step, prints, len(shards))
        step = planned.steps[-1]
        for source in sorted(set(step.inputs.values())):
            left = [at for at, print_ in enumerate(prints[source]) if not folder.is_done(source, at, print_)]
            if left or not shards:
                raise ConfigError(
                    f"{folder.root} is not that far: {source} has {len(left)} shards left to make; run its "
                    "pipeline again first"
                )
        keep_pipeline(folder, pipeline)
        begun = time.monotonic()
        stale = [shard for shard, print_ in enumerate(prints[name]) if not folder.is_done(name, shard, print_)]
        listener(StepStarted(name, len(shards), len(shards) - len(stale)))
        _tell(name, _run_rows(folder, step, prints[name], stale, workers), len(stale), begun, listener)
        return len(stale)


def forget_first(folder: Run, pipeline: Pipeline) -> None:
    """Takes out who was forgotten by an interrupted `chatlog forget`, or in another run of the same operator."""
    stones = with_shared(folder, user_key(folder))
    if stones.pending:
        apply_tombstones(folder, pipeline, stones)


def keep_pipeline(folder: Run, pipeline: Pipeline) -> None:
    """Writes the pipeline into the run folder: it is read by it from now on."""
    folder.write_json("run.json", {"name": pipeline.name, "base": str(pipeline.base), "pipeline": pipeline.data})


def _run_rows(
    folder: Run, step: PlannedStep, prints: list[str], stale: list[int], asked: int | None
) -> Iterator[dict[str, Any]]:
    size = sum((folder.read_sidecar(INGEST, shard) or {}).get("rows", 0) for shard in stale)
    workers = asked or _worth(size, _ROWS_A_WORKER)
    # What is to be made although it is done is asked for because of the rows that failed.
    units = [
        replace(unit, repeat=folder.is_done(step.name, unit.shard, unit.fingerprint))
        for unit in (unit_of(folder, step, shard, prints[shard]) for shard in stale)
    ]
    return run_units([(unit, {}) for unit in units], workers)


def _tell(name: str, sidecars: Iterator[dict[str, Any]], stale: int, begun: float, listener: Listener) -> None:
    """Lets the work be done, and tells of each shard and of the end."""
    rows = 0
    for sidecar in sidecars:
        rows += sidecar["rows"]
        listener(ShardDone(name, sidecar["shard"], sidecar["rows"], sidecar["seconds"]))
    listener(StepDone(name, stale, rows, round(time.monotonic() - begun, 3)))


def _worth(size: int, share: int) -> int:
    """Processes that are worth their start: one a core, but each with `share` of the work at least."""
    return min(os.cpu_count() or 1, 1 + size // share)


def ingest_counts(folder: Run, shards: int) -> dict[str, int]:
    """Records, rows, rejects and forgotten records over all shards; 'read' counts lines, elements or Parquet rows."""
    totals = {"read": 0, "records": 0, "rows": 0, "rejects": 0, "forgotten": 0}
    for shard in range(shards):
        sidecar = folder.read_sidecar(INGEST, shard) or {}
        for name in totals:
            totals[name] += sidecar.get(name, 0)
    return totals


def ingest_work(folder: Run, pipeline: Pipeline, shards: Sequence[IngestShard], stale: Sequence[int]) -> list[Work]:
    """The units that make the ingest shards `stale` of all `shards` in a folder."""
    limits = pipeline.limits.model_dump()
    return [
        (
            Unit(str(folder.root), INGEST, {}, shard, {}, None, shards[shard].fingerprint),
            {
                "chunk": shards[shard].chunk.to_json(),
                "options": dict(pipeline.sources[shards[shard].chunk.source].options),
                "limits": limits,
            },
        )
        for shard in stale
    ]


def unit_of(folder: Run, step: PlannedStep, shard: int, fingerprint: str) -> Unit:
    """The unit that makes one shard of a step in a folder."""
    config = step.step.config.model_dump(mode="json")
    return Unit(str(folder.root), step.name, config, shard, dict(step.inputs), step.step.where, fingerprint)


def _clear_spool(folder: Run) -> None:
    spool = folder.root / "spool"
    if spool.is_dir():
        for file in spool.iterdir():
            file.unlink(missing_ok=True)
        spool.rmdir()
