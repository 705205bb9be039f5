"""`chatlog explain`, `rejects` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pipelines import RunFolder


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(explain)
    app.command()(rejects)
    app.command()(report)


def explain(
    run: RunFolder,
    id: Annotated[str, typer.Argument(metavar="ID", help="A conversation_id or a row_id.")],
    as_json: AsJson = False,
) -> None:
    """Tell everything that was decided about one conversation, with reasons."""
    from chatlog.explain import explain as explain_one

    told = explain_one(run, id)
    if as_json:
        print_json({"id": id, "rows": [row.to_json() for row in told]})
        return
    for row in told:
        for line in row.lines():
            typer.echo(line)


def rejects(
    run: RunFolder,
    reason: Annotated[str | None, typer.Option(metavar="CODE", help="Only those of this reason.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the records as they were to a file, one a line.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the records that no row could be made of, with reasons; or give them back to be mended."""
    from collections import Counter

    from chatlog.rejects import export_rejects, without_text
    from chatlog.rejects import rejects as rejects_of

    if out is not None:
        count = export_rejects(run, out, reason)
        if as_json:
            print_json({"file": str(out), "n": count})
        else:
            typer.echo(f"{count:,} records: {out}")
        return
    found = [without_text(reject) for reject in rejects_of(run, reason)]
    if as_json:
        print_json({"rejects": found, "n": len(found)})
        return
    print_table(found)
    told = ", ".join(f"{count} {code}" for code, count in Counter(row["reason"] for row in found).most_common())
    typer.echo(f"({len(found)} rejects{': ' if told else ''}{told})")


def report(
    run: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="HTML file; RUN/report.html by default.", show_default=False),
    ] = None,
    min_users: Annotated[
        int, typer.Option(min=1, help="Users below whom a topic or a cluster of duplicates shows no name and no text.")
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file about a run that opens with no network."""
    from chatlog.query import connect
    from chatlog.report import write_report

    path = out or run / "report.html"
    with connect(run) as connection:
        write_report(connection, path, min_users=min_users)
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
    else:
        typer.echo(f"report: {path}")
