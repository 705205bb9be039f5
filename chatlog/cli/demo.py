"""`chatlog demo` and `chatlog demo logs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pii import recall_told

app = typer.Typer(
    help="Curate the bundled sample, from raw logs to release and report.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for run, dataset and report.")] = Path(
        "demo-out"
    ),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core, fewer for little work.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Curate the bundled sample, from raw logs to release and report."""
    if context.invoked_subcommand is not None:
        return
    from chatlog.cli.progress import progress
    from chatlog.demo.curate import curate

    with progress() as listener:
        told = curate(out, workers=workers, listener=listener)
    if as_json:
        print_json(told.to_json())
        return
    typer.echo("")
    print_table(told.funnel)
    for answer in told.answers:
        typer.echo(f"\n{answer.question}")
        print_table(answer.rows)
    typer.echo(f"\nredaction took out {recall_told(told.redaction)}")
    typer.echo(f"\ndataset  {told.dataset}\nreport   {told.report}")
    typer.echo(f"run      {told.run}   (ask it: chatlog sql --run {told.run} 'FROM funnel')")


@app.command()
def logs(
    conversations: Annotated[int, typer.Option(min=1, help="How many conversations.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the logs and their truth file.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="fastchat, openai_messages, sharegpt or wildchat; all by default, may be repeated."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Generate synthetic logs of any size, with a file that tells the truth about them."""
    from dataclasses import asdict

    from chatlog.demo.generator import FORMATS, generate_logs

    made = generate_logs(out, conversations, seed, formats=tuple(formats or FORMATS))
    if as_json:
        print_json(asdict(made))
    else:
        print_table([asdict(made)])
