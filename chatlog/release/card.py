"""The dataset card: every number in it comes from the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import duckdb

from chatlog.engine.store import write_bytes
from chatlog.errors import ConfigError
from chatlog.query import dicts, first_line
from chatlog.settings import ReleaseSpec

_SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
"""Size categories as the Hub writes them."""


def render_card(
    connection: duckdb.DuckDBPyConnection, spec: ReleaseSpec, told: Mapping[str, Any], folder: Path
) -> None:
    """Writes README.md into a release folder whose data files are there.

    The template sees `title`, `license`, `told` (provenance.json's object), `size_category`,
    `funnel`, `features` and `query(sql)`, which gives rows as dictionaries; in SQL, `published`
    names the release's rows and the views of the run are there too.

    Raises:
        ConfigError: the template is not there or does not render.
    """
    import jinja2

    # The connection may read the run's files only, so that what was written is handed over as Arrow.
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for name in told["files"]]
    narrow = [
        field.name
        for field in pq.read_schema(folder / names[0])
        if field.name not in ("conversation", "openai_moderation")
    ]
    published = pa.concat_tables([pq.read_table(folder / name, columns=narrow) for name in names])
    connection.register("published", published)

    def query(sql: str) -> list[dict[str, Any]]:
        return dicts(connection.execute(sql))

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(spec.card.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; texts of users do not stand in the card, and cells go through `cell`
    )
    environment.filters["cell"] = _cell
    environment.filters["thousands"] = lambda value: f"{value:,}"
    environment.filters["share"] = _share
    environment.filters["yaml"] = _yaml
    try:
        text = environment.get_template(spec.card.name).render(
            title=spec.title,
            license=spec.license,
            told=told,
            size_category=_size_category(told["counts"]["released"]),
            features=[(field.name, str(field.type)) for field in pq.read_schema(folder / names[0])],
            query=query,
        )
    except (jinja2.TemplateError, OSError) as error:
        raise ConfigError(f"the card {spec.card} does not render: {type(error).__name__}: {error}") from error
    except duckdb.Error as error:
        raise ConfigError(f"a query of the card {spec.card} failed: {first_line(error)}") from error
    write_bytes(folder / "README.md", text.encode())


def _size_category(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "n>10M")


def _cell(value: Any) -> str:
    """A value inside a Markdown table's cell."""
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _yaml(value: str) -> str:
    """A YAML double-quoted scalar: JSON strings are such."""
    import json

    return json.dumps(value, ensure_ascii=False)
