"""Labelled sets: gzipped or plain JSON Lines in, one result object out."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from chatlog.errors import DataError


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one task on one labelled file.

    Attributes:
        task: moderation, pii, language, dedup or topics.
        file: the file's name, without its folder.
        n: rows that were scored.
        seconds: wall time of the scoring, without loading the model.
        metrics: by name, as docs/evaluate.md defines them; NaN never appears, an undefined metric is None.
    """

    task: str
    file: str
    n: int
    seconds: float
    metrics: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog eval --json` prints."""
        return asdict(self)


def read_rows(path: Path, required: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of a labelled file, each checked to hold the `required` fields.

    Raises:
        DataError: the file is missing or unreadable, a line is no JSON object, or a field is missing.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as stream:
            lines = stream.read().splitlines()
    except (OSError, EOFError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{path} line {number} is not JSON") from error
        if not isinstance(row, dict):
            raise DataError(f"{path} line {number}: expected an object, found {type(row).__name__}")
        for name in required:
            if name not in row:
                raise DataError(f"{path} line {number} has no field {name!r}; see docs/evaluate.md for the format")
        rows.append(row)
    if not rows:
        raise DataError(f"{path} holds no rows")
    return rows
