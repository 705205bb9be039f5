"""`chatlog browse`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from chatlog.cli.output import AsJson, print_json
from chatlog.cli.pipelines import RunFolder

if TYPE_CHECKING:
    from chatlog.browse import BrowseServer

_PORT: Final = 8765


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(browse)


def browse(
    run: RunFolder,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A sample of `chatlog moderation` to label in the page.", show_default=False),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Of --labels: draw N messages into FILE when it is not there.", show_default=False
        ),
    ] = None,
    as_logged: Annotated[
        bool, typer.Option("--as-logged", help="Show texts as they were logged, before redaction.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; by default on this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = _PORT,
    as_json: AsJson = False,
) -> None:
    """Serve a page to search the conversations of a run, read them with what was decided, and label messages.

    It goes on until Ctrl-C. The link that it prints holds a token, without which nothing is shown.
    """
    from chatlog.browse import browsing
    from chatlog.errors import ConfigError

    if sample is not None and labels is None:
        raise ConfigError("--sample needs --labels FILE, where the sample is written and labelled")
    if labels is not None and sample is not None and not labels.exists():
        from chatlog.moderation.reading import judged_run
        from chatlog.moderation.sample import sample as draw

        draw(judged_run(run), sample, labels)
    if not as_json:
        typer.echo("reading the run ...", err=True)
    with browsing(run, host=host, port=port, labels=labels, as_logged=as_logged) as server:
        try:
            _tell(server, run, as_json)
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("ended", err=True)


def _tell(server: BrowseServer, run: Path, as_json: bool) -> None:
    from chatlog.browse import is_loopback

    door = server.door
    if not is_loopback(door.host):
        typer.echo(
            f"warning: whoever reaches {door.host} and has the link reads this run, and the connection is not "
            f"encrypted; safer: ssh -L {door.port}:127.0.0.1:{door.port}",
            err=True,
        )
    if as_json:
        print_json({"run": str(run), "link": door.link, "rows": server.api.index.rows})
    else:
        typer.echo(f"{server.api.index.rows:,} conversations: {door.link}   (Ctrl-C ends it)")
