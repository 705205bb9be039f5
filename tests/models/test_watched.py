"""Watched workers: real processes that answer, die and hang."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from chatlog.errors import DataError
from chatlog.models.engines.watched import Limits, Watched

LIMITS = Limits(start_s=60, stall_s=60, restarts=3, slice_items=16)


def doubling(pipe: Connection, settings: dict[str, Any], number: int) -> None:
    """Doubles numbers; dies at `kills`, hangs at `hangs`, fails at `fails`; each, with `once`, a single time."""
    if settings.get("never"):
        pipe.send(("failed", "ValueError"))
        return
    pipe.send(("ready", number))
    while True:
        slice_number, items = pipe.recv()
        for item in items:
            marker = Path(settings["folder"]) / f"{item}"
            if settings.get("once") and marker.exists():
                continue
            if item in (settings.get("kills", ()) + settings.get("hangs", ()) + settings.get("fails", ())):
                marker.touch()
            if item in settings.get("kills", ()):
                os.kill(os.getpid(), signal.SIGKILL)
            if item in settings.get("hangs", ()):
                time.sleep(600)
            if item in settings.get("fails", ()):
                pipe.send(("failed", "RuntimeError"))
                return
        pipe.send(("beat", None))
        pipe.send(("done", (slice_number, [2 * item for item in items])))


def own_workers() -> list[int]:
    """This process's children, but for the one in which multiprocessing tracks its resources."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if "resource_tracker" not in " ".join(child.cmdline())]


@contextmanager
def watched(count: int = 1, limits: Limits = LIMITS, **settings: Any) -> Iterator[Watched]:
    workers = Watched(doubling, settings, count, limits)
    try:
        workers.start()
        yield workers
    finally:
        workers.close()
    assert not own_workers()


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_the_order_of_the_items(count: int, tmp_path: Path) -> None:
    with watched(count, folder=str(tmp_path)) as workers:
        assert workers.ask([]) == []
        assert workers.ask(list(range(100))) == [2 * n for n in range(100)]
        assert workers.ask([7]) == [14]
        assert workers.restarts == 0


@pytest.mark.parametrize("how", ["kills", "fails"])
def test_what_kills_its_worker_costs_itself_alone(how: str, tmp_path: Path) -> None:
    with watched(folder=str(tmp_path), **{how: (37,)}) as workers:
        found = workers.ask(list(range(100)))
    assert found == [None if n == 37 else 2 * n for n in range(100)]
    assert 1 < workers.restarts <= 4


def test_a_death_by_chance_costs_nothing(tmp_path: Path) -> None:
    with watched(folder=str(tmp_path), kills=(5, 50, 80), once=True) as workers:
        assert workers.ask(list(range(100))) == [2 * n for n in range(100)]
        assert workers.restarts == 3


def test_a_hang_is_a_death(tmp_path: Path) -> None:
    limits = Limits(start_s=60, stall_s=1.5, restarts=3, slice_items=16)
    begun = time.monotonic()
    with watched(limits=limits, folder=str(tmp_path), hangs=(20,), once=True) as workers:
        assert workers.ask(list(range(64))) == [2 * n for n in range(64)]
        assert workers.restarts == 1
    assert time.monotonic() - begun < 40


def test_an_engine_that_always_dies_is_given_up(tmp_path: Path) -> None:
    with watched(folder=str(tmp_path), kills=tuple(range(50))) as workers:
        found = workers.ask(list(range(50)))
        assert found == [None] * 50
        assert workers.restarts == LIMITS.restarts + 1
        # Another question is another chance.
        assert workers.ask([99]) == [198]


def test_a_model_that_cannot_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ValueError"), watched(folder=str(tmp_path), never=True):
        pass


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    parent = context.Process(target=_asks_for_ever, args=(there, str(tmp_path)))
    parent.start()
    worker = here.recv()
    assert psutil.pid_exists(worker)
    parent.kill()
    parent.join()
    ends = time.monotonic() + 20
    while psutil.pid_exists(worker) and psutil.Process(worker).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends
        time.sleep(0.2)


def _asks_for_ever(pipe: Connection, folder: str) -> None:
    workers = Watched(doubling, {"folder": folder, "hangs": (1,)}, 1, LIMITS)
    workers.start()
    pipe.send(own_workers()[0])
    workers.ask([1])
