"""`chatlog overlap`."""

from __future__ import annotations

from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pipelines import RunFolder


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(overlap)


def overlap(
    run: RunFolder,
    with_: Annotated[
        list[str],
        typer.Option(
            "--with", metavar="FILE", help="Benchmark: JSON, JSON Lines or Parquet, or NAME=FILE; may be repeated."
        ),
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="More benchmarks for --with.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            metavar="NAME",
            help="Field that holds an item's text; may be repeated. By default the first usual one.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core, fewer for little work.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find conversations that hold items of benchmarks; adds columns to a run and reruns nothing else."""
    from dataclasses import asdict

    from chatlog.cli.progress import progress
    from chatlog.overlap import overlap as find_overlap

    with progress() as listener:
        found = find_overlap(run, [*with_, *(more or ())], fields=field or (), workers=workers, listener=listener)
    if as_json:
        print_json({"run": str(run), **asdict(found)})
        return
    told = [asdict(benchmark) for benchmark in found.benchmarks]
    tops = [{"benchmark": each["benchmark"], **item} for each in told for item in each.pop("top")]
    print_table(told)
    if tops:
        typer.echo("")
        print_table(tops)
    typer.echo(f"({found.contaminated:,} of {found.conversations:,} conversations are contaminated)")
