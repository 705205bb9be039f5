"""The local engine: units on a pool of spawned processes, or in this one."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatlog.engine.ingest import run_ingest_unit
from chatlog.engine.shard import Opened, Unit, run_unit
from chatlog.errors import DataError
from chatlog.pipeline import INGEST
from chatlog.settings import ShardLimits
from chatlog.sources.chunks import Chunk
from chatlog.stage import Stage

Work = tuple[Unit, Mapping[str, Any]]
"""A unit, and for ingest its chunk, options and limits; plain values only."""


def run_units(work: Sequence[Work], workers: int) -> Iterator[dict[str, Any]]:
    """The sidecars of the units, in the order in which they finish.

    Raises:
        DataError: a worker process died.
        ChatlogError: what a unit raised; units under way are finished first.
    """
    workers = min(workers, len(work))
    if workers <= 1:
        opened = Opened()
        try:
            for unit, extra in work:
                yield perform(unit, extra, opened)
        finally:
            opened.close()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        waiting: set[Future[dict[str, Any]]] = {pool.submit(_in_worker, asdict(unit), extra) for unit, extra in work}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as error:
            stage, root = work[0][0].stage, work[0][0].root
            raise DataError(
                f"a worker process of stage {stage} died (out of memory, or killed); what is done in {root} is kept: "
                "run the same command again, with fewer --workers if memory was short"
            ) from error
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def perform(unit: Unit, extra: Mapping[str, Any], opened: Opened) -> dict[str, Any]:
    """Runs one unit in this process; its sidecar."""
    if unit.stage == INGEST:
        chunk = Chunk(**extra["chunk"])
        return run_ingest_unit(unit, chunk, extra["options"], ShardLimits.model_validate(extra["limits"]))
    from chatlog.stages import STAGES

    stage = next(stage for stage in STAGES if stage.name == unit.stage)
    assert isinstance(stage, Stage)
    return run_unit(unit, stage, opened.function(stage, unit.config, Path(unit.root)))


_opened: Opened | None = None


def _start_worker() -> None:
    global _opened
    _opened = Opened()
    os.umask(0o077)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def leave_with_parent() -> None:
        # A worker whose parent was killed would wait for work for ever.
        parent.join()
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()


def _in_worker(unit: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    assert _opened is not None
    return perform(Unit(**unit), extra, _opened)
