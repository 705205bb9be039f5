"""Progress on stderr: one bar a stage on a terminal, one line a shard elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chatlog.engine.events import Event, Listener, ShardDone, StepDone, StepStarted


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener that shows a run's progress until the block ends."""
    if not sys.stderr.isatty():
        yield _lines
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}
        rows: dict[str, int] = {}

        def show(event: Event) -> None:
            if isinstance(event, StepStarted):
                tasks[event.stage] = bars.add_task(event.stage, total=event.shards, completed=event.done, told="")
                rows[event.stage] = 0
            elif isinstance(event, ShardDone):
                rows[event.stage] += event.rows
                bars.update(tasks[event.stage], advance=1, told=f"{rows[event.stage]:,} rows")
            else:
                told = f"{event.rows:,} rows" if event.shards else "done before"
                bars.update(tasks[event.stage], told=told)
                bars.stop_task(tasks[event.stage])

        yield show


def _lines(event: Event) -> None:
    if isinstance(event, StepStarted):
        text = f"{event.stage}: {event.shards - event.done} of {event.shards} shards to do"
    elif isinstance(event, ShardDone):
        text = f"{event.stage}: shard {event.shard}, {event.rows} rows in {event.seconds:.1f} s"
    elif isinstance(event, StepDone) and event.shards:
        text = f"{event.stage}: done, {event.rows} rows in {event.seconds:.1f} s"
    else:
        return
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
