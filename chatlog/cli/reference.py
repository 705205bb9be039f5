"""The reference of the command line in Markdown: `python -m chatlog.cli.reference > docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from typer.main import get_command

from chatlog.cli.main import app

_NAME: Final = "chatlog"
_HEAD: Final = """\
# The command line

This page is made by `python -m chatlog.cli.reference > docs/cli.md` and checked by `tests/test_docs.py`.

Results go to stdout and progress to stderr. With `--json` a command prints JSON and nothing else: one object, and for
`chatlog eval` one a file. An error is one line on stderr, and with `--json` an object on stdout too:
`{"error": {"kind", "message"}}`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | an error, told in one line; or `verify` found a fault |
| 2 | wrong usage |
| 3 | `run --strict`: done, with rejects |
| 130 | interrupted; the same command goes on where it stopped |
"""


def reference() -> str:
    """The Markdown page: every command with its help, arguments, options and their defaults."""
    return "\n".join([_HEAD, *_command(get_command(app), None, _NAME)]).rstrip() + "\n"


def commands() -> dict[str, frozenset[str]]:
    """Every command by its full name (`demo logs`), `chatlog` itself being empty, with the options that it takes."""
    return dict(_options(get_command(app), ""))


# Typer brings its own copy of Click in some versions and the package in others, so commands are Any here.
def _options(command: Any, path: str) -> Iterator[tuple[str, frozenset[str]]]:
    own = [name for parameter in command.params for name in _flags(parameter)]
    yield path, frozenset([*own, "-h", "--help"])
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _options(child, f"{path} {name}".strip())


def _flags(parameter: Any) -> list[str]:
    return [name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("-")]


def _command(command: Any, parent: Any, name: str) -> Iterator[str]:
    context = command.context_class(command, parent=parent, info_name=name, **(command.context_settings or {}))
    yield f"## {context.command_path}\n"
    yield f"{(command.help or '').strip()}\n"
    children = sorted(getattr(command, "commands", {}).items())
    usage = [context.command_path, *_usage(command), *(["COMMAND"] if children else [])]
    yield f"```text\n{' '.join(usage)}\n```\n"
    records = [parameter.get_help_record(context) for parameter in command.params if not parameter.hidden]
    rows = [(_code(left), _cell(right)) for left, right in filter(None, records)]
    if rows:
        yield "| argument or option | meaning |\n|---|---|"
        yield from (f"| `{left}` | {right} |" for left, right in rows)
        yield ""
    for child_name, child in children:
        yield from _command(child, context, child_name)


def _usage(command: Any) -> Iterator[str]:
    """The arguments, the options that must be given, and a word for the others."""
    for parameter in command.params:
        if not _flags(parameter):
            name = parameter.metavar or parameter.name.upper()
            yield name if parameter.required or name.startswith("[") else f"[{name}]"
        elif parameter.required:
            yield f"{parameter.opts[0]} {parameter.metavar or parameter.name.upper()}"
    yield "[OPTIONS]"


def _code(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _cell(text: str) -> str:
    return _code(text).replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reference())
