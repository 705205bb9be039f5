"""`views.sql`: a release asked by DuckDB alone, with the names that a run has, and its reports."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from chatlog.engine.store import write_bytes
from chatlog.query.figures import categories, lengths, texts
from chatlog.query.reports import reports
from chatlog.schema import CATEGORIES

VIEWS: Final = "views.sql"
"""Its name in a release."""

_HEAD: Final = """-- Views of this release, for DuckDB 1.3 and later. In this folder:
--     duckdb -init views.sql
-- Elsewhere, say first where the release is; it need not be downloaded:
--     SET VARIABLE release = 'hf://datasets/ORG/NAME';
--     .read views.sql
-- Then ask: FROM report_table_1;  FROM languages;  SELECT * FROM messages WHERE role = 'user' LIMIT 5;
--
-- published      the columns as they are, with the split that each row is in
-- conversations  one row a conversation under the names that chatlog has; a battle is two
-- messages       one row a message
-- moderation     one row a judged message, every category and score in a column of its own
-- summary        conversations without their texts, with figures of them
-- languages, models, topics: how many conversations each has
-- report_NAME    questions and answers: SELECT view_name, comment FROM duckdb_views() WHERE view_name LIKE 'report_%';
"""

_PUBLISHED: Final = r"""
CREATE OR REPLACE VIEW published AS
SELECT * EXCLUDE (filename), regexp_extract(filename, '([^/\\]+)-\d+-of-\d+\.parquet$', 1) AS split
FROM read_parquet(coalesce(getvariable('release') || '/', '') || 'data/*.parquet', filename = true);
"""

_TEXTS: Final = 'STRUCT("role" VARCHAR, "content" VARCHAR)[]'
_FLAGS: Final = "STRUCT(" + ", ".join(f'"{name}" BOOLEAN' for name in CATEGORIES) + ")"
_SCORES: Final = _FLAGS.replace("BOOLEAN", "DOUBLE")
_JUDGMENTS: Final = f"STRUCT(categories {_FLAGS}, category_scores {_SCORES}, flagged BOOLEAN)[]"

_COLUMNS: Final = {
    "conversation_id": ("VARCHAR", ("conversation_id", "conversation_hash", "id")),
    "model": ("VARCHAR", ("model",)),
    "language": ("VARCHAR", ("language",)),
    "language_code": ("VARCHAR", ("language_code",)),
    "turns": ("BIGINT", ("turn",)),
    "messages": (_TEXTS, ("messages", "conversation")),
    "moderation": (_JUDGMENTS, ("openai_moderation",)),
    "redacted": ("BOOLEAN", ("redacted",)),
    "flagged": ("BOOLEAN", ("flagged",)),
    "moderation_status": ("VARCHAR", ("moderation_status",)),
    "flagged_categories": ("VARCHAR[]", ("flagged_categories",)),
    "topic": ("VARCHAR", ("topic",)),
    "cluster_size": ("BIGINT", ("told_times",)),
    "prompt_cluster_size": ("BIGINT", ("prompt_told_times",)),
    "user_key": ("VARCHAR", ("hashed_ip",)),
    "feedback": ("VARCHAR", ("feedback",)),
    "battle_id": ("VARCHAR", ("battle_id",)),
    "battle_side": ("VARCHAR", ("battle_side",)),
    "winner": ("VARCHAR", ("winner",)),
    "month": ("VARCHAR", ("month",)),
}
"""The columns of `conversations`: DuckDB's type, and the published names that hold it, the first that is there."""

_MESSAGES: Final = """
CREATE OR REPLACE VIEW messages AS
SELECT conversation_id, model, language AS conversation_language, split, m.position - 1 AS position,
       m.message.role AS role, m.message.content AS content, m.judgment.flagged AS flagged
FROM (SELECT conversation_id, model, language, split,
             unnest(list_transform(messages,
                                   lambda x, i: {'position': i, 'message': x, 'judgment': moderation[i]})) AS m
      FROM conversations);
"""

_COUNTS: Final = """
CREATE OR REPLACE VIEW languages AS
SELECT language, count(*) AS conversations, count(*) / sum(count(*)) OVER () AS share
FROM conversations GROUP BY language ORDER BY conversations DESC, language;

CREATE OR REPLACE VIEW models AS
SELECT model, count(*) AS conversations, count(*) / sum(count(*)) OVER () AS share
FROM conversations GROUP BY model ORDER BY conversations DESC, model;

CREATE OR REPLACE VIEW topics AS
SELECT row_number() OVER (ORDER BY count(*) DESC, topic)::INTEGER - 1 AS topic_id, topic AS label, count(*) AS size
FROM conversations WHERE topic IS NOT NULL GROUP BY topic ORDER BY topic_id;
"""


def write_views(folder: Path, format: str) -> Path:
    """Writes views.sql into a release folder whose data are there; its path.

    Args:
        folder: the release.
        format: the published format.
    """
    first = min((folder / "data").glob("*.parquet"))
    path = folder / VIEWS
    write_bytes(path, views_sql(format, pq.read_schema(first)).encode())
    return path


def views_sql(format: str, schema: pa.Schema) -> str:
    """The text of views.sql for files of a schema."""
    battles = format == "chatbot_arena_conversations"
    parts = [_HEAD, _PUBLISHED, _conversations(schema, battles), _MESSAGES, _moderation(schema, battles), _COUNTS]
    return "".join([*parts, _SUMMARY, *_reports()])


def _conversations(schema: pa.Schema, battles: bool) -> str:
    sides = [_select(schema, side) for side in ("ab" if battles else [""])]
    return "\nCREATE OR REPLACE VIEW conversations AS\n" + "\nUNION ALL BY NAME\n".join(sides) + ";\n"


def _select(schema: pa.Schema, side: str) -> str:
    """The columns of `conversations`, of one side of a battle where that is told."""
    own = {
        "conversation_id": f"question_id || '_{side}'",
        "model": f"model_{side}",
        "messages": f"list_transform(conversation_{side}, lambda m: {{'role': m.role, 'content': m.content}})",
        "moderation": f"NULL::{_JUDGMENTS}",  # one judgment of both sides: see the view moderation
        "battle_id": "question_id",
        "battle_side": f"'{side}'",
        "moderation_status": "CASE WHEN openai_moderation.flagged IS NOT NULL THEN 'ok' END",
    }
    told = []
    for name, (kind, published) in _COLUMNS.items():
        found = next((column for column in published if column in schema.names), None)
        if side and name in own:
            told.append(f"{own[name]} AS {name}")
        elif found is None:
            told.append(f"NULL::{kind} AS {name}")
        elif name == "messages":
            told.append(f"list_transform({found}, lambda m: {{'role': m.role, 'content': m.content}}) AS {name}")
        else:
            told.append(f'"{found}" AS {name}')
    return "SELECT " + ",\n       ".join([*told, "split"]) + "\nFROM published"


def _moderation(schema: pa.Schema, battles: bool) -> str:
    flat = [f'j.judgment.categories."{name}" AS {_flat(name)}' for name in CATEGORIES]
    flat += [f'j.judgment.category_scores."{name}" AS score_{_flat(name)}' for name in CATEGORIES]
    judged = "list_transform(moderation, lambda x, i: {'position': i - 1, 'judgment': x, 'role': messages[i].role})"
    rows = f"SELECT conversation_id, model, language, unnest({judged}) AS j FROM conversations"
    if battles:
        alone = "{'position': NULL::BIGINT, 'judgment': openai_moderation, 'role': NULL::VARCHAR}"
        rows = f"SELECT question_id AS conversation_id, NULL::VARCHAR AS model, language, {alone} AS j FROM published"
    columns = ["conversation_id", "model", "language", "j.position AS position", "j.role AS role"]
    columns += ["j.judgment.flagged AS flagged", *flat]
    return (
        "\nCREATE OR REPLACE VIEW moderation AS\nSELECT "
        + ",\n       ".join(columns)
        + f"\nFROM ({rows})\nWHERE j.judgment.flagged IS NOT NULL;\n"
    )


_SUMMARY: Final = (
    """
CREATE OR REPLACE VIEW summary AS
SELECT NULL::BIGINT AS row_id,
       conversation_id, model, language, language_code, turns, redacted, moderation_status, topic_id, cluster_size,
       prompt_cluster_size, user_key, feedback, battle_id, battle_side, winner, month, split,
       true AS kept,
       NULL::VARCHAR AS duplicate_kind,
       coalesce(flagged, list_bool_or(list_transform(moderation, lambda j: j.flagged))) AS flagged,
       len(messages) AS messages,
       """
    + ",\n       ".join(
        [
            *lengths(),
            "len(list_filter(moderation, lambda j: j.flagged IS NOT NULL)) AS judged_messages",
            "len(list_filter(moderation, lambda j: j.flagged)) AS flagged_messages",
            f"coalesce(flagged_categories, {categories()}) AS flagged_categories",
        ]
    )
    + f"""
FROM (SELECT *, {texts("user")} AS asked,
             {texts("assistant")} AS answered
      FROM conversations LEFT JOIN topics ON label = topic);
"""
)


def _flat(category: str) -> str:
    return category.replace("/", "_").replace("-", "_")


def _reports() -> list[str]:
    found = []
    for one in reports():
        if one.on_release:
            question = one.question.replace("'", "''")
            query = "\n".join(line for line in one.sql.splitlines() if not line.startswith("--")).strip().rstrip(";")
            found.append(
                f"\n-- {one.question}\nCREATE OR REPLACE VIEW report_{one.name} AS\n{query};\n"
                f"COMMENT ON VIEW report_{one.name} IS '{question}';\n"
            )
    return found
