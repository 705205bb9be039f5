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
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Where the weights go; with --base, a folder that is not there."),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Fine-tune this encoder end to end instead: a carried name, a path, or a Hub id with its revision.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[float, typer.Option(min=0.01, help="Of --base: how often each row is seen.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and files give the same weights.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit the small moderation classifier on sentence embeddings, or fine-tune a larger one end to end."""
    from chatlog.evaluate.labelled import read_rows
    from chatlog.models.moderator.train import read_sets, train_moderator

    sets = read_sets(files, read_rows)
    if base is None:
        made = train_moderator(sets, out, seed)
    else:
        from chatlog.models.moderator.finetune import Tuning, finetune_moderator

        made = finetune_moderator(sets, out, base, seed, Tuning(epochs=epochs))
    if as_json:
        print_json(made.to_json())
        return
    typer.echo(f"{made.rows:,} rows, {made.fitted:,} fitted in {made.seconds:.0f} s: {out}")
    typer.echo(f"heads: {', '.join(made.heads)}")
    print_table([{"set": name} | {key: metrics.get(key) for key in _SHOWN} for name, metrics in made.held_out.items()])
