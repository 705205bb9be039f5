"""How commands print: text for people, one JSON object for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

JSON_FLAG: Final = "--json"

AsJson = Annotated[bool, typer.Option(JSON_FLAG, help="Print one JSON object and nothing else.")]


def print_json(value: Mapping[str, Any]) -> None:
    """Prints one JSON object; times and bytes as text."""
    import orjson

    data = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    typer.echo(data.decode())


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Prints rows under their column names, as wide as they are: lines can be cut and grepped."""
    names = list(columns or (rows[0] if rows else ()))
    if not names:
        return
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max([len(name), *(len(line[index]) for line in cells)]) for index, name in enumerate(names)]
    right = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in names]
    for line in [names, ["-" * width for width in widths], *cells]:
        padded = [
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ]
        typer.echo("  ".join(padded).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return printable(str(value))


def printable(text: str) -> str:
    """A text on one line of at most 100 characters, without what would steer the terminal."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= 100 else text[:99] + "…"


def size(value: float) -> str:
    """Bytes in the largest unit that leaves a number above 1."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
