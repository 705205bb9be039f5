"""`chatlog export` and `verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json
from chatlog.cli.pipelines import RunFolder


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(export)
    app.command()(verify)


def export(
    run: RunFolder,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the release; an earlier release there is replaced.")
    ],
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe", metavar="PIPELINE", help="Release as this pipeline's [release] says; nothing is run again."
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="release.KEY=VALUE", help="Change a setting of the recipe.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the release of a finished run: Parquet shards, card, provenance, checksums."""
    from chatlog.release.export import export as export_run

    made = export_run(run, out, recipe, overrides or ())
    if as_json:
        print_json(
            {
                "release": str(made.folder),
                "released": made.released,
                "dropped": made.dropped,
                "files": made.files,
                "splits": {split.name: split.rows for split in made.splits},
            }
        )
        return
    for reason, count in made.dropped.items():
        typer.echo(f"left out  {count:>9,}  {reason}")
    typer.echo(f"released  {made.released:>9,}  conversations: {made.folder}")
    if len(made.splits) > 1:
        for split in made.splits:
            typer.echo(f"          {split.rows:>9,}  rows in {split.name}")


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a release.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="Check the accounts against this run too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a release: checksums, columns, accounts, and that no checksum-valid identifier is left."""
    from chatlog.release.verify import verify as verify_release

    checks = verify_release(folder, run)
    failed = [check for check in checks if not check.ok]
    if as_json:
        print_json({"release": str(folder), "ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
    if failed:
        if not as_json:
            typer.echo(f"error: {len(failed)} of {len(checks)} checks failed", err=True)
        raise typer.Exit(1)
