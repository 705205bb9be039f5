"""README.md, croissant.json and LICENSE of a release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from chatlog.engine.store import dump_json, write_bytes
from chatlog.release.card import render_card
from chatlog.release.croissant import CROISSANT, croissant
from chatlog.release.facts import gather
from chatlog.release.licences import write_licence
from chatlog.settings import ReleaseSpec


def describe(connection: duckdb.DuckDBPyConnection, spec: ReleaseSpec, told: Mapping[str, Any], folder: Path) -> None:
    """Writes the three files into a release folder whose data files are there.

    Args:
        connection: the run's, with its views.
        spec: the `[release]` table.
        told: the object of provenance.json.
        folder: of the release.

    Raises:
        ConfigError: the card's template does not render, or the licence's text cannot be read.
    """
    facts = gather(connection, spec, told, folder)
    write_licence(spec, folder)
    write_bytes(folder / "README.md", render_card(connection, facts).encode())
    write_bytes(folder / CROISSANT, dump_json(croissant(facts)))
