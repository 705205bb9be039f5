"""The `chatlog` command: its subcommands, and how errors become one line and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Final

import typer

from chatlog.cli import (
    browse,
    demo,
    evaluate,
    forget,
    inspect,
    moderate,
    moderation,
    overlap,
    pii,
    pipelines,
    push,
    releases,
    sql,
    topics,
    train,
)
from chatlog.cli.output import JSON_FLAG, print_json
from chatlog.errors import ChatlogError

_INTERRUPTED: Final = 128 + 2  # as a shell tells of SIGINT

app = typer.Typer(
    name="chatlog",
    help="Raw chat logs in, a publishable dataset out: dedup, redaction, language, topics, moderation, release.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.add_typer(demo.app, name="demo")
pipelines.add_to(app)
sql.add_to(app)
inspect.add_to(app)
browse.add_to(app)
overlap.add_to(app)
pii.add_to(app)
app.add_typer(moderate.app, name="moderate")
moderation.add_to(app)
app.add_typer(topics.app, name="topics")
releases.add_to(app)
push.add_to(app)
forget.add_to(app)
evaluate.add_to(app)
app.add_typer(train.app, name="train")


def version(value: bool) -> None:
    """Prints the version and leaves."""
    if value:
        from chatlog import __version__

        typer.echo(f"chatlog {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Options of chatlog itself; the work is in the commands."""


def main() -> None:
    """Runs the command line: exit code 0 done, 1 an error told in one line, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except SystemExit as leaving:
        # Typer turns an interrupt into this code, and says nothing of what becomes of the run.
        if leaving.code == _INTERRUPTED:
            typer.echo("interrupted; what is done is kept, run the same command again to go on", err=True)
        raise
    except ChatlogError as error:
        _fail(type(error).__name__, str(error), getattr(error, "rows", None))
    except BrokenPipeError:
        # The reader of a pipe has left; nothing more can be told to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(type(error).__name__, f"{error.filename or 'the system'}: {error.strerror or error}")


def _fail(kind: str, message: str, rows: list[object] | None = None) -> None:
    line = " ".join(message.split())
    if JSON_FLAG in sys.argv:
        print_json({"error": {"kind": kind, "message": line, **({"rows": rows} if rows else {})}})
    typer.echo(f"error: {line}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
