"""What docs/releases.md tells of formats, settings and columns is so."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq

from chatlog.pipeline import load
from chatlog.release.export import export
from chatlog.release.formats import FORMATS
from chatlog.settings import ReleaseSpec
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
RECIPES = [path for path in sorted((ROOT / "pipelines").glob("*.toml")) if "[release]" in path.read_text()]


def first_cells(section: str) -> list[str]:
    """The names in the first column of the first table under a heading."""
    (text,) = re.findall(rf"^##+ {re.escape(section)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_format_and_recipe_is_told() -> None:
    assert [name for name in first_cells("Formats") if name != "format"] == list(FORMATS)
    for path in RECIPES:
        spec = load(path).release
        assert spec is not None
        if path.stem != "demo":
            row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{spec.format}` |"))
            assert f"`pipelines/{path.name}`" in row


def test_every_setting_is_told() -> None:
    elsewhere = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert set(first_cells("Settings")) - {"setting"} <= set(ReleaseSpec.model_fields)
    assert all(f"`{name}`" in elsewhere for name in ReleaseSpec.model_fields)


def test_every_column_is_told(curated: Path, tmp_path: Path) -> None:
    flat = set(first_cells("Flat columns"))
    seen: set[str] = set()
    for name, known in FORMATS.items():
        told = first_cells(f"`{name}`")
        inner = {"turn_identifier"}  # of WildChat's messages
        assert set(told) - inner == set(known.schema.names), name
        recipe = next(path for path in RECIPES if getattr(load(path).release, "format", "") == name)
        export(curated / "run", tmp_path / name, recipe)
        (file, *_) = (tmp_path / name / "data").iterdir()
        own = set(pq.read_schema(file).names) - set(known.schema.names)
        assert own <= flat, own - flat
        seen |= own
    assert seen == flat
