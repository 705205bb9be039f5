"""The account of personal data in a run: what was found, where, and whether it was replaced."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from chatlog.engine.measured import redact_print
from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError
from chatlog.pipeline import Pipeline, Step
from chatlog.query import connect, rows_of
from chatlog.stage import Config
from chatlog.text.pii_span import LABELS

_MESSAGES: Final = """
CREATE TEMP TABLE told AS
SELECT row_id, language, model, turn.role AS role, turn.position AS position
FROM (
  SELECT row_id, coalesce(language, 'unknown') AS language, coalesce(model, 'unknown') AS model,
         unnest(list_concat(
           CASE WHEN system IS NULL THEN [] ELSE [{'role': 'system', 'position': -1}] END,
           list_transform(messages, lambda m, i: {'role': m.role, 'position': i - 1}))) AS turn
  FROM conversations WHERE redacted IS NOT NULL)
"""
"""One row a message of the conversations that `redact` was given, without its text; -1 is the system prompt."""

_SPANS: Final = """
CREATE TEMP TABLE found AS
SELECT told.*, pii.type AS type, pii.recognizer AS recognizer, pii.placeholder IS NOT NULL AS replaced
FROM pii JOIN told ON told.row_id = pii.row_id AND told.position = pii.message
"""

_COUNTS: Final = (
    "count(*) AS spans, count(*) FILTER (replaced) AS replaced, count(*) FILTER (NOT replaced) AS kept, "
    "count(DISTINCT row_id) AS touched"
)

_BY_TYPE: Final = f"""
SELECT type, {_COUNTS}, 1000 * count(*) / (SELECT count(*) FROM told) AS per_1000
FROM found GROUP BY type ORDER BY spans DESC, type
"""

_BY_PLACE: Final = """
SELECT {place}, conversations, coalesce(touched, 0) AS touched, messages, coalesce(spans, 0) AS spans,
       coalesce(replaced, 0) AS replaced, coalesce(kept, 0) AS kept,
       1000 * coalesce(names, 0) / messages AS names_per_1000,
       1000 * (coalesce(spans, 0) - coalesce(names, 0)) / messages AS others_per_1000
FROM (SELECT {place}, count(DISTINCT row_id) AS conversations, count(*) AS messages FROM told GROUP BY {place})
LEFT JOIN (SELECT {place}, {counts}, count(*) FILTER (type = 'PERSON') AS names FROM found GROUP BY {place})
USING ({place})
ORDER BY messages DESC, {place}
"""

_BY_RECOGNIZER: Final = (
    f"SELECT recognizer, type, {_COUNTS} FROM found GROUP BY ALL ORDER BY spans DESC, recognizer, type"
)

_TOTALS: Final = """
SELECT (SELECT count(DISTINCT row_id) FROM told) AS conversations, (SELECT count(*) FROM told) AS messages,
       count(*) AS spans, count(*) FILTER (replaced) AS replaced, count(*) FILTER (NOT replaced) AS kept,
       count(DISTINCT row_id) AS touched
FROM found
"""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class PiiAccount:
    """Rates of personal data over the conversations that `redact` was given.

    A span is replaced, or kept as the policy says; a conversation is touched when it holds one. Rates are spans in
    1,000 messages, system prompts among these; names of persons (PERSON) are told apart from the other types.

    Attributes:
        totals: conversations, messages, spans, replaced, kept, touched.
        by_type: type, spans, replaced, kept, touched, per_1000.
        by_language: language, conversations, touched, messages, spans, replaced, kept, names_per_1000, others_per_1000.
        by_model: the same by model.
        by_role: the same by the message's role.
        by_recognizer: recognizer, type, spans, replaced, kept, touched.
    """

    totals: dict[str, int]
    by_type: Rows
    by_language: Rows
    by_model: Rows
    by_role: Rows
    by_recognizer: Rows

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog pii --json` prints."""
        return asdict(self)


def account(root: str | Path) -> PiiAccount:
    """The rates of a run, from its `pii` spans; no text is read or told.

    Raises:
        ConfigError: no run, no `redact` in its pipeline, or none of its shards redacted yet.
        DataError: a part file is damaged.
    """
    run, pipeline = pipeline_of(root)
    redact_step(pipeline)
    if redact_print(run) is None:
        raise ConfigError(f"{run.root} is not redacted yet; run its pipeline again first")
    with connect(root) as connection:
        connection.execute(_MESSAGES)
        connection.execute(_SPANS)
        return PiiAccount(
            totals=rows_of(connection, _TOTALS)[0],
            by_type=rows_of(connection, _BY_TYPE),
            by_language=_by(connection, "language"),
            by_model=_by(connection, "model"),
            by_role=_by(connection, "role"),
            by_recognizer=rows_of(connection, _BY_RECOGNIZER),
        )


def redact_step(pipeline: Pipeline) -> Step:
    """The step of a pipeline that redacts.

    Raises:
        ConfigError: there is none.
    """
    for step in pipeline.steps:
        if step.stage.name == "redact":
            return step
    raise ConfigError(f'the pipeline {pipeline.name} has no stage `redact`; add [[stage]] with use = "redact"')


def acted_on(config: Config) -> frozenset[str]:
    """The types of LABELS that the settings of `redact` do not keep."""
    return frozenset(type_ for type_ in LABELS if getattr(config, type_.lower(), "keep") != "keep")


def _by(connection: duckdb.DuckDBPyConnection, place: str) -> Rows:
    return rows_of(connection, _BY_PLACE.format(place=place, counts=_COUNTS))
