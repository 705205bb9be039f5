"""`chatlog topics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatlog.cli.output import AsJson, print_json
from chatlog.cli.pipelines import RunFolder

if TYPE_CHECKING:
    from chatlog.topics.drift import Drift

app = typer.Typer(help="Look at topics, assign to them, and compare them.", no_args_is_help=True, rich_markup_mode=None)

Model = Annotated[Path, typer.Option(metavar="RUN", help="The run whose topics are taken.", show_default=False)]
Top = Annotated[int, typer.Option(min=1, metavar="N", help="Topics that are shown, at most.")]


@app.callback()
def topics() -> None:
    """Look at topics, assign to them, and compare them."""


@app.command("list")
def list_(run: RunFolder, as_json: AsJson = False) -> None:
    """Tell the topics of a run, theme by theme."""
    from chatlog.topics.listing import listed

    themes = listed(run)
    if as_json:
        print_json({"run": str(run), "themes": themes})
        return
    for theme in themes:
        indent = ""
        if theme["topic"] is not None:
            typer.echo(f"{theme['size']:>9,}  {theme['topic']}")
            indent = "  "
        for topic in theme["topics"]:
            words = ", ".join(topic["keywords"])
            typer.echo(f"{topic['size']:>9,}  {indent}{topic['topic']}{f' ({words})' if words else ''}")


@app.command()
def assign(
    run: RunFolder,
    model: Model,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Parquet file that is written.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Assign the conversations of a run to the topics of another; the run stays as it is.

    To have them in the run itself, set `model = "RUN"` in its pipeline's stage `topics`.
    """
    from chatlog.topics.assigning import write_assigned

    counts = write_assigned(run, model, out)
    if as_json:
        print_json({"run": str(run), "model": str(model), "out": str(out), **counts})
        return
    typer.echo(
        f"{counts['assigned']:,} of {counts['conversations']:,} conversations have a topic, {counts['outliers']:,} are "
        f"in none; written to {out}"
    )


@app.command()
def drift(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Run folder whose topics are the measure.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Run folder that is compared with it.")],
    top: Top = 15,
    as_json: AsJson = False,
) -> None:
    """Tell how what people ask about has changed between two runs, topic by topic."""
    from chatlog.topics.drift import drift as measure

    told = measure(before, after)
    if as_json:
        shown: dict[str, Any] = told.to_json()
        print_json({"before_run": str(before), "after_run": str(after), **shown})
        return
    _print(told, top)


def _print(told: Drift, top: int) -> None:
    chance = "" if told.p_value is None else f", chance p {told.p_value:.2g}"
    typer.echo(
        f"drift {told.verdict}: population stability index {told.psi:.3f}, Jensen-Shannon divergence "
        f"{told.jensen_shannon:.3f} bits{chance}"
    )
    typer.echo(f"conversations {told.before:,} before, {told.after:,} after")
    typer.echo(f"in no topic {told.outliers_before:.1%} before, {told.outliers_after:.1%} after")
    typer.echo(f"median distance to the centre {told.distance_before:.3f} before, {told.distance_after:.3f} after")
    for change in told.topics[:top]:
        theme = f" [{change.theme}]" if change.theme else ""
        typer.echo(
            f"{change.change:+8.1%}  {change.share_before:6.1%} ({change.interval_before[0]:.1%} to "
            f"{change.interval_before[1]:.1%}) -> {change.share_after:6.1%} ({change.interval_after[0]:.1%} to "
            f"{change.interval_after[1]:.1%})  {change.topic}{theme}"
        )
