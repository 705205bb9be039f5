"""`chatlog export`, `verify`, `diff` and `replay`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json, print_table, printable
from chatlog.cli.pipelines import RunFolder

Recipe = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="PIPELINE", help="The pipeline that it was exported by, if not the run's own."),
]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(export)
    app.command()(verify)
    app.command()(diff)
    app.command()(replay)


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
        Path | None,
        typer.Option("--run", metavar="RUN", help="Check the accounts against this run too, and release it once more."),
    ] = None,
    recipe: Recipe = None,
    as_json: AsJson = False,
) -> None:
    """Check a release: checksums, columns, accounts, lineage, and that no checksum-valid identifier is left."""
    from chatlog.release.verify import verify as verify_release

    checks = verify_release(folder, run, recipe)
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


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="Folder of a release.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Folder of another one, made under the same user key.")],
    ids: Annotated[int, typer.Option(min=0, help="Ids to show of each kind of change.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Tell what changed between two releases: rows added, removed and changed, and by which stage."""
    from chatlog.release.diff import diff as diff_releases

    told = diff_releases(before, after, ids=ids)
    if as_json:
        print_json({"same": told.same, **asdict(told)})
        return
    if told.first:
        typer.echo(f"first stage that differs: {told.first}, on shards {', '.join(map(str, told.shards[:20]))}")
    for setting in told.settings:
        values = f"{printable(str(setting.before))} -> {printable(str(setting.after))}"
        typer.echo(f"setting  {setting.stage}.{setting.name}: {values}")
    for name, (one, other) in told.counts.items():
        typer.echo(f"count    {name}: {one:,} -> {other:,}")
    typer.echo("rows     " + ", ".join(f"{count:,} {kind}" for kind, count in told.rows.items()))
    print_table(told.causes)
    for name, count in told.columns.items():
        typer.echo(f"column   {name}: {count:,} rows have another value")
    for kind, some in told.ids.items():
        for id_ in some:
            typer.echo(f"{kind:<9}{printable(id_)}")


def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a release.")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="The run that it was made from.")],
    shard: Annotated[int, typer.Option(min=0, metavar="K", help="Number of the data file, from 0.")] = 0,
    recipe: Recipe = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the file that was made here.")] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Take this stage from the run; by default those that ask servers or vLLM."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a data file of a release again, from the logs, and tell whether it has the same bytes."""
    from chatlog.release.replay import replay as replay_file

    told = replay_file(folder, shard, run, recipe=recipe, out=out, skip=skip)
    if as_json:
        print_json({"ok": told.ok, **asdict(told)})
    else:
        typer.echo(f"made again on shards {', '.join(map(str, told.shards))}: {', '.join(told.made)}")
        typer.echo(f"taken from the run: {', '.join(told.taken) or 'nothing'}")
        for stage, number in told.differs:
            typer.echo(f"DIFFERS  {stage} on shard {number}")
        typer.echo(f"{'same bytes' if told.same else 'OTHER BYTES'}  {told.file}")
    if not told.ok:
        raise typer.Exit(1)
