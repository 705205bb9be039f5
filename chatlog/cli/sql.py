"""`chatlog sql` and `db`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pipelines import RunFolder


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(sql)
    app.command()(db)


def sql(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="One SELECT.")] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="A file that holds the query.")] = None,
    report: Annotated[str | None, typer.Option("--report", metavar="NAME", help="A question of --list.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the questions that can be asked by name.")] = False,
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="Run folder.")] = Path("."),
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Write all rows to a .csv, .parquet or .jsonl file (mode 0600)."
        ),
    ] = None,
    max_rows: Annotated[int, typer.Option(min=0, help="Rows that are printed at most.")] = 10_000,
    memory: Annotated[str, typer.Option(metavar="SIZE", help="What the query may hold, such as 500MB or 8GB.")] = "2GB",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.001, help="After how long it is stopped.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Ask a run with DuckDB SQL, read-only.

    The views are conversations, summary, messages, topics, pii, canaries, contamination, rejects, stages, funnel,
    decisions and embeddings.
    """
    from chatlog.errors import ConfigError

    if sum([query is not None, file is not None, report is not None, listed]) != 1:
        raise ConfigError("give one of a QUERY, a file with -f, a name with --report, and --list")
    if listed:
        _list(as_json)
        return
    asked = query if query is not None else _text(file, report)
    if out is not None:
        from chatlog.query.asking import write_answer

        count = write_answer(run, asked, out, memory=memory, seconds=timeout, told=_tell)
        if as_json:
            print_json({"file": str(out), "n": count})
        else:
            typer.echo(f"{count:,} rows: {out}")
        return
    from chatlog.query.asking import ask

    answer = ask(run, asked, memory=memory, seconds=timeout, most=max_rows, told=_tell)
    if as_json:
        print_json({"rows": answer.rows, "n": len(answer.rows)} | ({"cut": True} if answer.cut else {}))
        return
    print_table(answer.rows, answer.columns)
    typer.echo(f"({len(answer.rows)} rows{'; there are more: see --max-rows and --out' if answer.cut else ''})")


def db(
    run: RunFolder,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The DuckDB file; one that is there is replaced.")
    ],
    copy: Annotated[
        bool, typer.Option("--copy", help="Put the rows into the file, which then needs no run folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a DuckDB file with the views of a run, for any DuckDB client.

    The views name the run's files relative to the file's own folder: open it from there, or set file_search_path.
    The file is as private as the run (mode 0600).
    """
    from chatlog.query.database import make_database

    made = make_database(run, out, copy=copy, told=_tell)
    if as_json:
        print_json({"file": str(made.path), "views": made.views, "tables": made.tables, "bytes": made.size})
        return
    typer.echo(f"{made.path}: {len(made.views)} views, {len(made.tables)} tables")
    if not copy:
        typer.echo(f"open it from its folder: cd {made.path.resolve().parent} && duckdb {made.path.name}")


def _list(as_json: bool) -> None:
    from chatlog.query.reports import reports

    found = reports()
    if as_json:
        told = [
            {"name": r.name, "question": r.question, "columns": r.columns, "on_release": r.on_release} for r in found
        ]
        print_json({"reports": told, "n": len(told)})
        return
    width = max(len(one.name) for one in found)
    for one in found:
        typer.echo(f"{one.name.ljust(width)}  {one.question}")


def _text(file: Path | None, report: str | None) -> str:
    from chatlog.errors import ConfigError
    from chatlog.query.reports import report as report_of

    if report is not None:
        return report_of(report).sql
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read {file}: {reason}") from error


def _tell(line: str) -> None:
    typer.echo(line, err=True)
