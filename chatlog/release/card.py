"""The dataset card: every number in it comes from the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb

from chatlog.assets import asset
from chatlog.errors import ConfigError
from chatlog.query import dicts, first_line
from chatlog.release import statements
from chatlog.release.citing import bibtex
from chatlog.release.columns import meaning, shown_type
from chatlog.release.facts import Facts
from chatlog.release.licences import licence_of
from chatlog.release.metadata import card_metadata, to_yaml

if TYPE_CHECKING:
    import jinja2


def render_card(connection: duckdb.DuckDBPyConnection, facts: Facts) -> str:
    """The text of README.md of a release, by the template that `[release] card` names.

    The template sees `title`, `license`, `licence` (name and URL of a licence that is known), `told` (provenance.json's
    object), `facts`, `say` (the sentences that croissant.json has too), `metadata` (the YAML between the dashes),
    `features` (name, type), `columns` (name, type in
    short, meaning), `bibtex`, `size_category` and `query(sql)`, which gives rows as dictionaries; in
    SQL, `published` names the release's flat columns, and the views of the run are there too. Templates that are
    shipped can be included and extended by their names from any folder.

    Args:
        connection: the run's, with `published` registered by `gather`.
        facts: of the release.

    Raises:
        ConfigError: the template is not there or does not render.
    """
    import jinja2

    spec = facts.spec

    def query(sql: str) -> list[dict[str, Any]]:
        return dicts(connection.execute(sql))

    try:
        return (
            _environment(facts)
            .get_template(spec.card.name)
            .render(
                title=spec.title,
                license=spec.license,
                licence=licence_of(spec),
                told=facts.told,
                facts=facts,
                say=statements,
                metadata=to_yaml(card_metadata(facts)),
                features=[(field.name, str(field.type)) for field in facts.schema],
                columns=[(field.name, shown_type(field.type), meaning(field)) for field in facts.schema],
                bibtex=spec.citation.strip() or bibtex(facts),
                size_category=facts.size_category,
                query=query,
            )
        )
    except (jinja2.TemplateError, OSError) as error:
        raise ConfigError(f"the card {spec.card} does not render: {type(error).__name__}: {error}") from error
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:  # of the template's own expressions
        raise ConfigError(
            f"the card {spec.card} does not render: {type(error).__name__} in one of its expressions"
        ) from error
    except duckdb.Error as error:
        raise ConfigError(f"a query of the card {spec.card} failed: {first_line(error)}") from error


def _environment(facts: Facts) -> jinja2.Environment:
    import jinja2

    shipped = asset("data_cards/base.md.j2").parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([facts.spec.card.parent, shipped]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; texts of users do not stand in the card, and cells go through `cell`
    )
    environment.filters["cell"] = _cell
    environment.filters["thousands"] = lambda value: f"{value:,}"
    environment.filters["share"] = _share
    environment.filters["yaml"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment


def _cell(value: Any) -> str:
    """A value inside a Markdown table's cell."""
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _share(part: int, whole: int) -> str:
    return statements.percent(part / whole) if whole else "-"
