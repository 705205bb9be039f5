"""What each shard of a step would be made from now: whether it is done or stale."""

from __future__ import annotations

from chatlog.engine.identity import digest, of_step
from chatlog.engine.store import Run
from chatlog.pipeline import PlannedStep
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
    whole = isinstance(stage, GlobalStage)
    if not whole and not (isinstance(stage, Stage) and stage.retry):
        return prints
    read = []
    for shard, print_ in enumerate(prints):
        sidecar = folder.read_sidecar(writer, shard) or {}
        fresh = sidecar.get("fingerprint") == print_
        if whole:
            read.append(sidecar.get("columns", {}).get(column, print_) if fresh else print_)
        else:
            read.append(digest([print_, sidecar.get("sha256")]) if fresh and sidecar.get("failed") else print_)
    return read


def failures(folder: Run, step: PlannedStep, prints: list[str]) -> dict[int, int]:
    """The shards of a step that are done but for rows that failed, and how many rows that are."""
    found = {}
    for shard, print_ in enumerate(prints):
        count = (folder.read_sidecar(step.name, shard) or {}).get("failed", 0)
        if count and folder.is_done(step.name, shard, print_):
            found[shard] = count
    return found
