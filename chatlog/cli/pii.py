"""`chatlog pii`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pipelines import RunFolder

if TYPE_CHECKING:
    from chatlog.canaries.measure import Measurement, Recall
    from chatlog.pii import PiiAccount

_SHOWN: Final = 20
"""Lines of a table of languages, models or leaks that people are shown; --json has them all."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(pii)


def pii(
    run: RunFolder,
    canaries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Plant N invented entities in copies of conversations, redact these, and tell what is left.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of --canaries: the same seed plants the same.")] = 0,
    min_recall: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="R",
            help="Of --canaries: exit with 1 when the lower end of recall's 95 % interval is under R.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Account for the personal data of a run: rates by type, language, model, role and recognizer.

    With --canaries, estimate how much redaction leaves. The run's conversations are not changed.
    """
    from chatlog.errors import ConfigError
    from chatlog.pii import account

    if canaries is None and min_recall is not None:
        raise ConfigError("--min-recall needs --canaries N")
    told = account(run)
    measured = None
    if canaries is not None:
        from chatlog.canaries.measure import measure

        measured = measure(run, canaries, seed)
    short = measured is not None and min_recall is not None and measured.overall.low < min_recall
    if as_json:
        found = None if measured is None else measured.to_json()
        print_json({"run": str(run), **told.to_json(), "canaries": found, "ok": not short})
    else:
        _print_account(told)
        if measured is not None:
            _print_measurement(measured)
    if short:
        assert measured is not None
        typer.echo(f"error: recall is {measured.overall.low:.3f} at least, under --min-recall {min_recall}", err=True)
        raise typer.Exit(1)


def recall_told(recall: Recall) -> str:
    """A recall in words: share, counts and interval."""
    return (
        f"{100 * recall.recall:.1f} % of {recall.planted:,} planted entities "
        f"(95 % interval {100 * recall.low:.1f} % to {100 * recall.high:.1f} %)"
    )


def _print_account(told: PiiAccount) -> None:
    totals = told.totals
    typer.echo(
        f"{totals['spans']:,} spans in {totals['touched']:,} of {totals['conversations']:,} conversations "
        f"({totals['messages']:,} messages): {totals['replaced']:,} replaced, {totals['kept']:,} kept"
    )
    tables = {
        "type": told.by_type,
        "language": told.by_language,
        "model": told.by_model,
        "role": told.by_role,
        "recognizer": told.by_recognizer,
    }
    for name, rows in tables.items():
        if rows:
            typer.echo(f"\nby {name}")
            _print_some(rows)


def _print_measurement(measured: Measurement) -> None:
    from dataclasses import asdict

    typer.echo(f"\ncanaries: redaction took out {recall_told(measured.overall)}, seed {measured.seed}")
    typer.echo(f"in copies of {measured.conversations:,} conversations. This is recall on planted entities of these")
    typer.echo(
        "types and forms, each type equally often. It compares settings; it does not say what is left in the run."
    )
    if measured.kept:
        typer.echo(f"kept by the policy, so not planted: {', '.join(measured.kept)}")
    for type_, reason in measured.not_planted.items():
        typer.echo(f"not planted: {type_} ({reason})")
    for name, recalls in measured.by.items():
        if recalls:
            typer.echo(f"\nby {name}")
            _print_some([asdict(recall) for recall in recalls])
    if measured.leaks:
        typer.echo("\nwhat leaked; the examples are invented")
        _print_some([asdict(leak) for leak in measured.leaks])


def _print_some(rows: list[dict[str, Any]]) -> None:
    print_table(rows[:_SHOWN])
    if len(rows) > _SHOWN:
        typer.echo(f"... and {len(rows) - _SHOWN:,} more; --json tells them all")
