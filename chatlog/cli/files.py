"""How commands tell which files a run reads, by which reader and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from chatlog.cli.output import printable, size

_SHOWN: Final = 3


def files_as_json(run: Path) -> dict[str, Any]:
    """Every source file of a run, and what was left out, by reason."""
    from chatlog.engine.intake import planned_files
    from chatlog.engine.store import Run

    files, left_out = planned_files(Run(run))
    return {"files": files, "left_out": left_out}


def print_files(run: Path) -> None:
    """Prints the source files of a run: one line for each reader, framing and reason, however many files there are."""
    told = files_as_json(run)
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for file in told["files"]:
        reason = "recognised" if file["reader"] and file["score"] is not None else file["why"]
        groups.setdefault((file["reader"], file["framing"], reason), []).append(file)
    for (reader, framing, _), files in groups.items():
        how = f"{reader}, {framing}" if reader else "not read"
        bytes_ = size(sum(file["bytes"] for file in files))
        names = _names((file["label"] for file in files), len(files))
        typer.echo(f"{how}: {names}, {bytes_}; {_why(files)}")
    for group in told["left_out"]:
        typer.echo(f"left out: {_names(group['names'], group['files'])}; {group['why']}")


def _why(files: Sequence[Mapping[str, Any]]) -> str:
    whys = {file["why"] for file in files}
    if len(whys) == 1:
        return str(whys.pop())
    scores = sorted(file["score"] for file in files)
    return f"recognised their first records with mean scores of {scores[0]:.2f} to {scores[-1]:.2f}"


def _names(labels: Iterable[str], count: int) -> str:
    shown = [printable(label) for label, _ in zip(labels, range(_SHOWN), strict=False)]
    more = count - len(shown)
    return f"{count:,} file{'s' if count > 1 else ''} ({', '.join(shown)}{f' and {more:,} more' if more else ''})"
