"""`chatlog push`: a release to the Hub, or to any place that fsspec can write to."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chatlog.cli.output import AsJson, print_json, printable, size

if TYPE_CHECKING:
    from chatlog.release.sealed import Push

_SHOWN: Final = ("new", "changed", "copied", "not compared", "deleted", "kept")
_LINES: Final = 40
"""Files of one state that are listed; a release may have thousands of shards."""


class Approval(StrEnum):
    """How a gated dataset is opened to those who ask."""

    auto = "auto"
    manual = "manual"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(push)


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a release.")],
    repo: Annotated[
        str | None, typer.Option("--repo", metavar="ORG/NAME", help="Dataset on the Hub.", show_default=False)
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="URL", help="Any fsspec URL: s3://bucket/path, gs://, file:///path.", show_default=False
        ),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Send it. Without this, tell what would be sent and write nothing.")
    ] = False,
    private: Annotated[
        bool,
        typer.Option("--private", help="Of --repo: make it private. Without this, one that is there stays as it is."),
    ] = False,
    gated: Annotated[
        bool, typer.Option("--gated", help="Of --repo: readers must agree to your terms before they can read.")
    ] = False,
    approval: Annotated[
        Approval | None,
        typer.Option(
            help="Of --gated: whoever agrees may read at once (auto, the default), or you decide (manual).",
            show_default=False,
        ),
    ] = None,
    revision: Annotated[
        str, typer.Option(metavar="BRANCH", help="Of --repo: the branch, made when it is not there.")
    ] = "main",
    read_back: Annotated[
        bool, typer.Option("--read-back", help="Of --to: read every file again there and compare its SHA-256.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Of --to: then delete the earlier releases there.")] = False,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="Run of the release, which remembers what was published.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a release that passes `chatlog verify`; a dry run by default.

    The token of the Hub comes from HF_TOKEN or from `hf auth login`, and HF_ENDPOINT names another Hub.
    """
    from chatlog.errors import ConfigError

    if (repo is None) == (to is None):
        raise ConfigError("say where to: either --repo ORG/NAME or --to URL")
    if approval is not None and not gated:
        raise ConfigError("--approval belongs to --gated")

    def tell(line: str) -> None:
        if not as_json:
            typer.echo(line, err=True)

    if repo is not None:
        if read_back or prune:
            raise ConfigError("--read-back and --prune belong to --to; the Hub tells checksums, and keeps its history")
        from chatlog.release.hub import push as push_to_hub

        made = push_to_hub(
            folder,
            repo,
            private=private,
            gated=(approval or Approval.auto).value if gated else None,
            revision=revision,
            execute=execute,
            run=run,
            tell=tell,
        )
    else:
        if private or gated or revision != "main":
            raise ConfigError(
                "--private, --gated and --revision belong to --repo; who may read a URL is up to its store"
            )
        from chatlog.release.remote import push as push_to_url

        made = push_to_url(folder, str(to), execute=execute, read_back=read_back, prune=prune, run=run, tell=tell)
    if as_json:
        print_json({**asdict(made), "bytes_to_send": made.bytes_to_send})
    else:
        _print(made)


def _print(made: Push) -> None:
    for state in _SHOWN:
        items = [item for item in made.items if item.state == state]
        for item in items[:_LINES]:
            typer.echo(f"{state:<12}  {size(item.size):>9}  {printable(item.name)}")
        if len(items) > _LINES:
            more = items[_LINES:]
            typer.echo(f"{state:<12}  {size(sum(item.size for item in more)):>9}  in {len(more):,} more files")
    if same := sum(item.state == "unchanged" for item in made.items):
        typer.echo(f"{'unchanged':<12}  {'':>9}  {same:,} files")
    if made.note:
        typer.echo(f"note: {made.note}", err=True)
    if made.executed:
        typer.echo(f"published {made.release}: {made.url}")
    else:
        typer.echo(
            f"nothing was sent; {size(made.bytes_to_send)} would go to {made.target} as {made.release}: add --execute",
            err=True,
        )
