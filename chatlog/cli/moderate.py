"""`chatlog moderate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatlog.cli.output import AsJson, print_json
from chatlog.cli.pipelines import RunFolder, Settings

if TYPE_CHECKING:
    from chatlog.moderation.cost import Cost, Range

app = typer.Typer(help="Plan moderation.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def moderate() -> None:
    """Plan moderation."""


@app.command()
def estimate(
    run: RunFolder,
    pipeline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Whose settings of `moderate` count; the run's own without.", show_default=False
        ),
    ] = None,
    set_: Settings = None,
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="Conversations that are measured.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same ones.")] = 0,
    gpus: Annotated[
        int | None,
        typer.Option(
            min=0, help="GPUs that work at once, of servers say; those seen here without.", show_default=False
        ),
    ] = None,
    price: Annotated[
        float | None, typer.Option(min=0, metavar="P", help="Price of a GPU's hour.", show_default=False)
    ] = None,
    token_price: Annotated[
        float | None, typer.Option(min=0, metavar="P", help="Price of a million tokens sent.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell tokens, time, GPU hours and cost of moderating a run, from a short measured sample; writes nothing."""
    from chatlog.errors import ConfigError
    from chatlog.moderation.cost import Prices
    from chatlog.moderation.cost import estimate as measure
    from chatlog.pipeline import load

    if set_ and pipeline is None:
        raise ConfigError("--set changes the settings of --pipeline FILE; name it")
    recipe = None if pipeline is None else load(pipeline, set_ or ())
    told = measure(str(run), recipe, count=sample, seed=seed, gpus=gpus, prices=Prices(price, token_price))
    if as_json:
        print_json({"run": str(run), **told.to_json()})
        return
    _print(told)


def _print(told: Cost) -> None:
    model = " ".join(part for part in (told.engine, told.guard, told.model) if part)
    typer.echo(
        f"{told.volume.messages:,} messages in {told.volume.conversations:,} conversations; measured on "
        f"{told.sample.messages:,} of them with {model}, loaded in {told.start_s:.0f} s"
    )
    if told.errors:
        typer.echo(f"{told.errors:,} judgments of the sample failed")
    lines = {
        "prompts": told.prompts,
        "tokens sent": told.prompt_tokens,
        "tokens computed": told.computed_tokens,
        "hours": told.seconds.times(1 / 3600),
        f"GPU hours ({told.gpus} GPUs)": told.gpu_hours if told.gpus else None,
        "cost": told.cost,
    }
    for name, found in lines.items():
        if found is not None:
            typer.echo(f"{name:<22}{_range(found)}")


def _range(found: Range) -> str:
    if found.low is None or found.high is None:
        return _number(found.value)
    return f"{_number(found.value)} (95 % interval {_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
