"""`chatlog run`, `plan` and `status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatlog.cli.files import files_as_json, print_files
from chatlog.cli.output import AsJson, print_json, print_table, size

if TYPE_CHECKING:
    from chatlog.stage import Config

Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="STAGE.KEY=VALUE", help="Override a setting; may be repeated.")
]
Recipe = Annotated[Path, typer.Argument(metavar="PIPELINE", help="TOML file of the pipeline.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(run)
    app.command()(plan)
    app.command()(status)


def run(
    pipeline: Recipe,
    out: Annotated[
        Path, typer.Option("--out", metavar="RUN", help="Run folder; made when it is not there, resumed when it is.")
    ],
    input: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="PATH",
            help="Files, folders or globs in place of the pipeline's sources, - for standard input; may be repeated.",
        ),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="[PATH]...", help="More paths for --input.")] = None,
    engine: Annotated[str, typer.Option(help="Where the work is done: local.")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core, fewer for little work.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage.")] = None,
    set_: Settings = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Repeat the conversations that a stage left as errors, and no other.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 3 when there are rejects.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline, or resume it: what is done already is kept."""
    from chatlog.cli.progress import progress
    from chatlog.engine.run import run as run_pipeline
    from chatlog.errors import ConfigError
    from chatlog.pipeline import load

    if engine != "local":
        raise ConfigError(f"unknown engine {engine!r}; there is local")
    if more and not input:
        raise ConfigError(f"unexpected argument {more[0]!r}: name logs with --input")
    loaded = load(pipeline, set_ or (), [*(input or ()), *(more or ())])
    with progress() as listener:
        summary = run_pipeline(loaded, out, workers=workers, until=until, retry_errors=retry_errors, listener=listener)
        if until is None:
            _keep_figures(out)
    counts = summary.counts
    if as_json:
        done = {
            "shards": summary.shards,
            **counts,
            "made": summary.made,
            "seconds": summary.seconds,
            "failed": summary.failed,
        }
        print_json({"run": str(out), **done, **files_as_json(out)})
    else:
        print_files(out)
        told = f"{counts['records']:,} records = {counts['rows']:,} rows + {counts['rejects']:,} rejects"
        if counts["forgotten"]:
            told += f" + {counts['forgotten']:,} forgotten"
        typer.echo(f"{told}, in {summary.shards} shards: {out}")
        for stage, failed in summary.failed.items():
            if failed:
                typer.echo(f"{stage}: {failed:,} rows are errors; the same command with --retry-errors repeats them")
    if strict and counts["rejects"]:
        raise typer.Exit(3)


def _keep_figures(out: Path) -> None:
    """Works out what questions of a run read, so that none waits for it; the run is done whether or not it can."""
    from chatlog.errors import ChatlogError
    from chatlog.query.summary import keep_decisions, keep_summary

    try:
        keep_summary(out)
        keep_decisions(out)
    except ChatlogError as error:
        typer.echo(f"the run is done; its figures for `chatlog sql` are not kept: {error}", err=True)


def plan(pipeline: Recipe, set_: Settings = None, as_json: AsJson = False) -> None:
    """Show the steps of a pipeline and the columns that they read and write; touches no data."""
    from chatlog.pipeline import load
    from chatlog.pipeline import plan as make_plan

    loaded = load(pipeline, set_ or ())
    planned = make_plan(loaded)
    steps: list[dict[str, Any]] = [
        {
            "stage": step.name,
            "version": step.step.stage.version,
            "kind": type(step.step.stage).__name__,
            "where": step.step.where,
            "reads": dict(step.inputs),
            "writes": {field.name: str(field.type) for field in step.step.stage.writes},
            "config": step.step.config.model_dump(mode="json"),
            **_s_curve(step.step.config),
        }
        for step in planned.steps
    ]
    if as_json:
        sources = [{"reader": source.reader, "paths": list(source.paths)} for source in loaded.sources]
        print_json({"name": loaded.name, "sources": sources, "steps": steps, "writers": dict(planned.writers)})
        return
    for source in loaded.sources:
        typer.echo(f"source  {source.reader}: {', '.join(source.paths)}")
    for step in steps:
        typer.echo(
            f"\n{step['stage']} (version {step['version']}" + (f", where {step['where']})" if step["where"] else ")")
        )
        typer.echo("  reads   " + ", ".join(f"{column} of {writer}" for column, writer in step["reads"].items()))
        typer.echo("  writes  " + ", ".join(step["writes"]))
        typer.echo("  config  " + ", ".join(f"{key} = {value}" for key, value in step["config"].items()))
        if "compared" in step:
            curve = ", ".join(f"{similarity}: {share:.0%}" for similarity, share in step["compared"].items())
            typer.echo(f"  pairs compared, by their similarity  {curve}")


def _s_curve(config: Config) -> dict[str, Any]:
    """The share of pairs that banding proposes at each similarity, for the stage that makes the bands."""
    from chatlog.stages.fingerprint import FingerprintConfig

    if not isinstance(config, FingerprintConfig):
        return {}
    return {"compared": {step / 10: round(config.found_with(step / 10), 4) for step in range(2, 10)}}


def status(run: RunFolder, as_json: AsJson = False) -> None:
    """Show which files a run reads and how, what of it is done, how fast it went, and what is left."""
    from dataclasses import asdict

    from chatlog.engine.status import status as status_of

    stages = status_of(run)
    if as_json:
        told = [asdict(stage) | {"left": stage.left} for stage in stages]
        print_json({"run": str(run), "stages": told, **files_as_json(run)})
        return
    print_files(run)
    print_table(
        [
            {
                "stage": stage.stage,
                "done": f"{stage.done}/{stage.shards}",
                "stale": stage.stale,
                "left": stage.left,
                "rows": stage.rows,
                "failed": stage.failed,
                "seconds": stage.seconds,
                "rows/s": round(stage.rows_per_second) if stage.rows_per_second else None,
                "size": size(stage.bytes),
            }
            for stage in stages
        ]
    )
    for stage in stages:
        counted = {name: number for name, number in stage.counts.items() if number}
        if counted:
            typer.echo(f"{stage.stage}: " + ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counted.items()))
