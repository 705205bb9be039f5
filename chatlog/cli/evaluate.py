"""`chatlog eval`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chatlog.cli.output import AsJson, print_json


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
            min=0, help="moderation: cross-validate the classifier over so many folds; 0 scores the shipped one."
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a task on labelled sets; one result a file."""
    from chatlog.evaluate import TASKS

    options: dict[str, Any] = {}
    if k is not None:
        options["k"] = k
    if folds:
        options["folds"] = folds
    for file in files:
        result = TASKS[task.value](file, **options)
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
