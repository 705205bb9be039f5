"""`chatlog eval`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatlog.cli.output import AsJson, print_json

if TYPE_CHECKING:
    from chatlog.evaluate.labelled import Evaluation


class Task(StrEnum):
    """What can be measured."""

    moderation = "moderation"
    pii = "pii"
    language = "language"
    dedup = "dedup"
    topics = "topics"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("eval")(evaluate)


def evaluate(
    task: Annotated[Task, typer.Argument(help="What is measured.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Labelled sets: JSON Lines, gzipped or not.")],
    k: Annotated[
        int | None,
        typer.Option(min=2, help="topics: clusters; the number of gold labels by default.", show_default=False),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            min=0,
            help="moderation: train on the other folds of all the files and score each row held out; 0 scores the "
            "shipped one.",
        ),
    ] = 0,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="moderation, language: measure this run's settings, and keep the figures in the run for the card of "
            "its release.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a task on labelled sets; one result a file."""
    from chatlog.evaluate import TASKS

    options: dict[str, Any] = {}
    if k is not None:
        options["k"] = k
    if folds:
        options["folds"] = folds
    if run is not None:
        from chatlog.errors import ConfigError
        from chatlog.evaluate.kept import evaluate_run

        if options:
            raise ConfigError("--run measures the run's own settings; it goes with neither --folds nor --k")
        results: Iterable[Evaluation] = (evaluate_run(task.value, file, run) for file in files)
    elif task is Task.moderation and folds:
        from chatlog.evaluate.moderation import held_out

        results = held_out(files, folds)
    else:
        results = (TASKS[task.value](file, **options) for file in files)
    for result in results:
        if as_json:
            print_json(result.to_json())
            continue
        typer.echo(f"{result.task}  {result.file}  n = {result.n}  {result.seconds:.1f} s")
        for line in _told(result.metrics):
            typer.echo(line)


def _told(metrics: dict[str, Any], indent: str = "  ") -> list[str]:
    lines = []
    for name, value in metrics.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_told(value, indent + "  ")]
        else:
            lines.append(
                f"{indent}{name:<28} {value:.4f}" if isinstance(value, float) else f"{indent}{name:<28} {value}"
            )
    return lines
