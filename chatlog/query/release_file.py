"""The file of a release query."""

from __future__ import annotations

from pathlib import Path

import duckdb

from chatlog.errors import ConfigError
from chatlog.query.types import first_line


def release_queries(path: Path) -> tuple[str, str]:
    """The two queries of a release file: `decide` (row_id, reason) and `publish` (over `released`).

    Raises:
        ConfigError: the file does not hold these two queries.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    try:
        found = [statement.query.strip().rstrip(";") for statement in duckdb.extract_statements(text)]
    except duckdb.Error as error:
        raise ConfigError(f"{path} is not SQL: {first_line(error)}") from error
    if len(found) != 2:
        raise ConfigError(f"{path} should hold two queries, `decide` and `publish`; found {len(found)} statements")
    return found[0], found[1]
