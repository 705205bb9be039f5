"""`chatlog train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from chatlog.cli.output import AsJson, print_json, print_table

_SHOWN: Final = ("n", "auprc", "auroc", "f1", "flagged_share")

app = typer.Typer(help="Fit models from labelled data.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def train() -> None:
    """Fit models from labelled data."""


@app.command()
def moderator(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Labelled sets: JSON Lines of text, lang, flagged, labels.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights go.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed and files give the same weights.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit the small moderation classifier on sentence embeddings."""
    from chatlog.evaluate.labelled import read_rows
    from chatlog.models.moderator.train import read_sets, train_moderator

    made = train_moderator(read_sets(files, read_rows), out, seed)
    if as_json:
        print_json(made.to_json())
        return
    typer.echo(f"{made.rows:,} rows, {made.fitted:,} fitted in {made.seconds:.0f} s: {out}")
    typer.echo(f"heads: {', '.join(made.heads)}")
    print_table([{"set": name} | {key: metrics.get(key) for key in _SHOWN} for name, metrics in made.held_out.items()])
