"""`chatlog forget`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pipelines import RunFolder

if TYPE_CHECKING:
    from chatlog.forget import Forgotten


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(forget)


def forget(
    run: RunFolder,
    conversation: Annotated[
        list[str] | None, typer.Option("--conversation", metavar="ID", help="A conversation_id; may be repeated.")
    ] = None,
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="KEY", help="A user_key: all of a user's; may be repeated.")
    ] = None,
    user_ids: Annotated[
        Path | None,
        typer.Option(
            "--user-ids",
            metavar="FILE",
            help="Ids or IP addresses of users as the logs tell them, one a line; - reads them.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a conversation, or all of a user's, from every file of a run, and leave a tombstone.

    Logs that are read again do not bring it back. Run the pipeline again afterwards: duplicates and topics are found
    anew. With no names, whatever the tombstones hold is removed once more.
    """
    from chatlog.errors import ConfigError
    from chatlog.forget import forget as forget_these

    ids: list[str] = []
    if user_ids is not None:
        try:
            text = (
                typer.get_text_stream("stdin").read() if str(user_ids) == "-" else user_ids.read_text(encoding="utf-8")
            )
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {user_ids}: give a text file with one id a line") from error
        ids = [line.strip() for line in text.splitlines() if line.strip()]
    told = forget_these(run, conversation or (), user or (), ids, dry_run=dry_run)
    removed = told.removed
    if as_json:
        print_json({"run": str(run), "dry_run": dry_run, **_plain(told)})
        return
    would = "would remove" if dry_run else "removed"
    typer.echo(
        f"{would} {removed.rows:,} conversations and {removed.rejects:,} rejects, {removed.vectors:,} cached vectors"
    )
    for stage, shards in sorted(removed.shards.items()):
        typer.echo(f"  {stage}: {shards:,} shards written anew")
    for file in removed.files:
        typer.echo(f"  deleted {file}")
    if told.unknown:
        typer.echo(f"not in this run: {len(told.unknown):,} of the names; tombstones keep them out", err=True)
    for source, count in told.sources.items():
        typer.echo(f"the log still holds {count:,} of them, delete them there yourself: {source}")
    if told.revisions:
        typer.echo("published revisions that still hold some:")
        print_table(told.revisions)
    if removed.rows and not dry_run:
        typer.echo("run the pipeline again: duplicates and topics are found anew without them")


def _plain(told: Forgotten) -> dict[str, Any]:
    # dataclasses.asdict makes another Counter of a Counter's items in Python 3.11, which is no JSON.
    removed = {**vars(told.removed), "shards": dict(told.removed.shards)}
    return {**vars(told), "removed": removed}
