"""What each shard of a step would be made from now: whether it is done or stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from chatlog.engine.identity import column_digests, digest, of_step
from chatlog.engine.store import Run
from chatlog.pipeline import INGEST, PlannedStep
from chatlog.schema import KEY
from chatlog.stage import GlobalStage, Stage

Prints = dict[str, list[str]]
"""Stage to the fingerprints of its shards."""


def fingerprints(folder: Run, step: PlannedStep, prints: Prints, shards: int) -> list[str]:
    """The fingerprint of a step on each shard, from those of the stages before it and what failed there."""
    read = {column: _as_read(folder, writer, column, prints[writer]) for column, writer in step.inputs.items()}
    if isinstance(step.step.stage, GlobalStage):
        whole = of_step(step, read)
        return [whole] * shards
    return [of_step(step, {column: each[shard] for column, each in read.items()}) for shard in range(shards)]


def _as_read(folder: Run, writer: str, column: str, prints: list[str]) -> list[str]:
    """What stands for a column of each shard where it is read: the shard's fingerprint, with two exceptions.

    A column of a global stage is told by its values: the stage runs whole for every new row anywhere, and what reads
    it would run on every shard again. A shard with rows that failed is another one once they were repeated, though it
    was made by the same settings from the same inputs; when none has failed any more, it is told by its fingerprint.
    """
    from chatlog.stages import STAGES

    stage = next((stage for stage in STAGES if stage.name == writer), None)
    if not isinstance(stage, GlobalStage):
        return _with_failures(folder, stage, prints)
    sidecars = [folder.read_sidecar(writer, shard) or {} for shard in range(len(prints))]
    return [
        sidecar.get("columns", {}).get(column, print_) if sidecar.get("fingerprint") == print_ else print_
        for sidecar, print_ in zip(sidecars, prints, strict=True)
    ]


def _with_failures(folder: Run, stage: Stage | None, prints: list[str]) -> list[str]:
    if stage is None or not stage.retry:
        return prints
    sidecars = [folder.read_sidecar(stage.name, shard) or {} for shard in range(len(prints))]
    return [
        digest([print_, sidecar.get("sha256")])
        if sidecar.get("fingerprint") == print_ and sidecar.get("failed")
        else print_
        for sidecar, print_ in zip(sidecars, prints, strict=True)
    ]


def of_fewer_rows(
    folder: Run, steps: Sequence[PlannedStep], shard: int, ingest: str, read: Callable[[str], pa.Table]
) -> Iterator[tuple[str, str]]:
    """The row stages with their fingerprints on a shard that rows were taken out of, once all its parts are written.

    A row stage would make the same of the rows that are left; where global stages, too, find the same for these rows,
    nothing is made again.

    Args:
        folder: the run folder.
        steps: all of its steps, in order.
        shard: the shard.
        ingest: its fingerprint.
        read: the part of a global stage on the shard.
    """
    prints = {INGEST: ingest}
    columns: dict[str, dict[str, str]] = {}
    for step in steps:
        stage = step.step.stage
        if isinstance(stage, GlobalStage):
            columns[step.name] = column_digests(read(step.name).drop_columns([KEY.name]))
            continue
        inputs = {
            column: columns[writer][column] if writer in columns else prints[writer]
            for column, writer in step.inputs.items()
        }
        made = of_step(step, inputs)
        yield step.name, made
        sidecar = folder.read_sidecar(step.name, shard) or {}
        prints[step.name] = digest([made, sidecar.get("sha256")]) if stage.retry and sidecar.get("failed") else made


def failures(folder: Run, step: PlannedStep, prints: list[str]) -> dict[int, int]:
    """The shards of a step that are done but for rows that failed, and how many rows that are."""
    found = {}
    for shard, print_ in enumerate(prints):
        count = (folder.read_sidecar(step.name, shard) or {}).get("failed", 0)
        if count and folder.is_done(step.name, shard, print_):
            found[shard] = count
    return found
