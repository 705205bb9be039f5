"""Worker processes that hold a model each: fed in slices, watched, started again when they die or hang.

An inference engine can fail in ways that no exception tells: its process is killed for memory, a kernel never
returns. Each model therefore lives in a process of its own. What a dead worker had in hand is asked again in smaller
parts, so that what kills it ends up alone, and costs itself only.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Final

from chatlog.errors import DataError

PARTS: Final = 8
"""Into how many parts a slice is cut that its worker did not survive: one bad item among 1,024 is found in four."""

AHEAD: Final = 2
"""Slices that a worker holds at a time, so that it never waits for the next."""

Target = Callable[[Connection, Any, int], None]
"""What runs in a worker, given its end of the pipe, its settings, and its number.

It sends `("ready", info)` once it can work, or `("failed", reason)`. Then it receives `(slice number, items)` and
sends `("beat", None)` now and then while it works, and `("done", (slice number, results))`, one result an item.
It ends when the pipe is closed.
"""


@dataclass(frozen=True)
class Limits:
    """When a worker is given up.

    Attributes:
        start_s: seconds until a worker must be ready.
        stall_s: seconds that it may work without a sign of life.
        restarts: times that workers may die one after another before anything is finished; then the rest fails.
        slice_items: items in one slice.
    """

    start_s: float
    stall_s: float
    restarts: int
    slice_items: int


@dataclass
class _Slice:
    number: int
    places: list[int]


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    ready: bool = False
    heard: float = field(default_factory=time.monotonic)
    held: list[_Slice] = field(default_factory=list)


class Watched:
    """A fixed number of workers; `ask` shares items out among them."""

    def __init__(self, target: Target, settings: Any, count: int, limits: Limits) -> None:
        self._target = target
        self._settings = settings
        self._limits = limits
        self._workers: list[_Worker | None] = [None] * count
        self._deaths = 0
        self._started_once = False
        self.restarts = 0
        """Workers that were started again so far."""

    def start(self) -> Any:
        """What the first worker says of itself when it is ready; waits for that.

        Raises:
            DataError: it cannot start. The reason is an exception's class, never text.
        """
        for number in range(len(self._workers)):
            self._open(number)
        info = None
        while any(worker is not None and not worker.ready for worker in self._workers):
            for number, kind, value in self._heard():
                if kind == "ready" and number == 0:
                    info = value
                if kind in ("failed", "dead"):
                    self.close()
                    raise DataError(
                        f"the model cannot be started: {value or 'its process ended, or took too long'}; its own "
                        "messages stand above"
                    )
        self._started_once = True
        return info

    def ask(self, items: Sequence[Any]) -> list[Any | None]:
        """One result an item, in order; None where no worker survived it."""
        results: list[Any | None] = [None] * len(items)
        waiting = deque(self._slices(list(range(len(items)))))
        self._deaths = 0
        while waiting or any(worker is not None and worker.held for worker in self._workers):
            if self._deaths > self._limits.restarts:
                self._give_up()
                break
            self._share_out(waiting, items)
            for number, kind, value in self._heard():
                worker = self._workers[number]
                if worker is None:
                    continue
                if kind == "done":
                    done, told = value
                    given = next(part for part in worker.held if part.number == done)
                    worker.held.remove(given)
                    for place, result in zip(given.places, told, strict=True):
                        results[place] = result
                    self._deaths = 0
                elif kind in ("dead", "failed"):
                    waiting.extendleft(reversed(self._pick_up(number)))
        return results

    def close(self) -> None:
        """Nothing; ends all workers."""
        for number, worker in enumerate(self._workers):
            if worker is not None:
                _end(worker)
                self._workers[number] = None

    def _slices(self, places: list[int], size: int | None = None) -> list[_Slice]:
        size = size or self._limits.slice_items
        return [_Slice(places[start], places[start : start + size]) for start in range(0, len(places), size)]

    def _open(self, number: int) -> None:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_run, args=(self._target, there, self._settings, number), daemon=False)
        process.start()
        there.close()
        self._workers[number] = _Worker(process, here)

    def _share_out(self, waiting: deque[_Slice], items: Sequence[Any]) -> None:
        for number, worker in enumerate(self._workers):
            if worker is None:
                self._open(number)
                continue
            while worker.ready and waiting and len(worker.held) < AHEAD:
                # A slice that comes back after a death goes alone: its end says whether it was the cause.
                if worker.held and (self._deaths or len(waiting[0].places) < self._limits.slice_items):
                    break
                given = waiting.popleft()
                if not worker.held:
                    worker.heard = time.monotonic()
                try:
                    worker.pipe.send((given.number, [items[place] for place in given.places]))
                except (BrokenPipeError, OSError):
                    waiting.appendleft(given)
                    break
                worker.held.append(given)

    def _heard(self) -> list[tuple[int, str, Any]]:
        """What workers said, and which are dead or silent for too long; waits a moment for the first of it."""
        alive = {worker.pipe: number for number, worker in enumerate(self._workers) if worker is not None}
        said: list[tuple[int, str, Any]] = []
        for pipe in wait(list(alive), timeout=0.5):
            number = alive[pipe]  # type: ignore[index]
            worker = self._workers[number]
            assert worker is not None
            try:
                kind, value = worker.pipe.recv()
            except (EOFError, OSError):
                said.append((number, "dead", None))
                continue
            worker.heard = time.monotonic()
            worker.ready = worker.ready or kind == "ready"
            said.append((number, kind, value))
        now = time.monotonic()
        for number, worker in enumerate(self._workers):
            if worker is None:
                continue
            limit = self._limits.stall_s if worker.ready else self._limits.start_s
            if (worker.held or not worker.ready) and now - worker.heard > limit:
                said.append((number, "dead", None))
        return said

    def _pick_up(self, number: int) -> list[_Slice]:
        """What a dead worker held, in parts; what it held alone is given up."""
        worker = self._workers[number]
        if worker is None:
            return []
        _end(worker)
        self._workers[number] = None
        self._deaths += 1
        self.restarts += 1
        if not worker.held:
            return []
        first, *others = worker.held
        # Only the first was in work; the others had not begun.
        if len(first.places) == 1:
            return others
        return [*self._slices(first.places, -(-len(first.places) // PARTS)), *others]

    def _give_up(self) -> None:
        for number, worker in enumerate(self._workers):
            if worker is not None and (worker.held or not worker.ready):
                _end(worker)
                self._workers[number] = None


def _run(target: Target, pipe: Connection, settings: Any, number: int) -> None:
    # A group of its own: the engine starts processes too, and all of them have to go with it.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        target(pipe, settings, number)


def _end_with(parent: int) -> None:
    """Ends this process and its own when the run that it worked for is gone, killed perhaps."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join(timeout=5 if worker.ready and not worker.held else 0)
    with suppress(ProcessLookupError, PermissionError):
        if worker.process.pid is not None:
            os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.join(timeout=10)
