"""`chatlog train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json

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
    from chatlog.models.moderator_train import train_moderator

    made = train_moderator(files, out, seed)
    if as_json:
        print_json(made.to_json())
    else:
        for line in made.lines():
            typer.echo(line)
