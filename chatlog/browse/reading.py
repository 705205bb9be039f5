"""One conversation as a page shows it: its messages in pieces, what was judged of them, and why it is left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import duckdb

from chatlog.browse.facets import SAME, own_score
from chatlog.explain import Explanation, Fact, explain_row
from chatlog.query import dicts
from chatlog.schema import CATEGORIES

MESSAGES: Final = 50
"""Messages of one answer."""

PIECE: Final = 12_000
"""Code points of a message that are sent with the conversation."""

LARGEST: Final = 200_000
"""Code points of a longer piece that is asked for at most."""

FACTS: Final = 200
PLACEHOLDERS: Final = 1_000

_NAME: Final = 300
_FACT: Final = 2_000
"""Characters of a speaker's name, and of a fact, that are told at most."""

_MESSAGES: Final = f"""
SELECT place - 1 AS position, messages[place].role AS role, left(messages[place].name, {_NAME}) AS name,
       messages[place].created_at AS created_at, length(messages[place].content) AS length,
       substring(messages[place].content, 1, {PIECE}) AS content, message_languages[place] AS language,
       moderation[place] AS judgment, {own_score("moderation[place]")} AS score
FROM (SELECT s.messages, c.message_languages, c.moderation, unnest(range($start + 1, $end + 1)) AS place
      FROM shown AS s JOIN conversations AS c USING (row_id) WHERE s.row_id = $row AND c.row_id = $row)
WHERE place <= len(messages) ORDER BY place
"""


def conversation(
    cursor: duckdb.DuckDBPyConnection, row_id: int, *, blind: frozenset[int], released: bool
) -> dict[str, Any] | None:
    """What was decided about a conversation, without its messages; None when there is no such row.

    Args:
        cursor: with the views of a run and `shown`.
        row_id: which.
        blind: positions of messages whose verdict is not told, since somebody labels them.
        released: whether the run has a release to be left out of.
    """
    told = explain_row(cursor, row_id)
    if told is None:
        return None
    shown = cursor.execute(
        "SELECT len(messages), length(system), substring(system, 1, ?) FROM shown WHERE row_id = ?", [PIECE, row_id]
    ).fetchone()
    count, length, system = shown or (None, None, None)
    return {
        "row_id": row_id,
        "conversation_id": told.row["conversation_id"],
        "messages": count,
        "system": {"content": system, "length": length} if system else None,
        "facts": _facts(told, blind=bool(blind), released=released),
        "same": {name: told.row[column] for name, column in SAME.items()},
        "alike": {"cluster": told.row["cluster_size"], "prompt": told.row["prompt_cluster_size"]},
        "placeholders": dict(
            cursor.execute(
                "SELECT DISTINCT ON (placeholder) placeholder, type FROM pii "
                "WHERE row_id = ? AND placeholder IS NOT NULL LIMIT ?",
                [row_id, PLACEHOLDERS],
            ).fetchall()
        ),
    }


def _facts(told: Explanation, *, blind: bool, released: bool) -> list[dict[str, Any]]:
    hidden = {"moderation"} if blind else set()
    if not released:
        hidden.add("release")
    facts: list[dict[str, Any]] = []
    left_out = False
    for fact in told.facts():
        # A part belongs to the fact before it, and is left out with it.
        left_out = left_out if fact.part else fact.name in hidden
        if not left_out:
            facts.append(asdict(fact) | {"text": fact.text[:_FACT]})
    facts.sort(key=lambda fact: fact["name"] != "release")  # why it is left out is what is looked for
    more = len(facts) - FACTS
    if more > 0:
        facts[FACTS:] = [asdict(Fact("more", f"{more:,}; chatlog explain tells them", part=True))]
    return facts


def messages(
    cursor: duckdb.DuckDBPyConnection, row_id: int, start: int, *, blind: frozenset[int]
) -> list[dict[str, Any]]:
    """The messages of a conversation from `start` on, at most MESSAGES, each with the beginning of its text."""
    rows = dicts(cursor.execute(_MESSAGES, {"start": start, "end": start + MESSAGES, "row": row_id}))
    for row in rows:
        judgment, score = row.pop("judgment"), row.pop("score")
        row["verdict"] = {"hidden": True} if row["position"] in blind else _verdict(judgment, score)
    return rows


def piece(cursor: duckdb.DuckDBPyConnection, row_id: int, position: int, start: int, size: int) -> str | None:
    """A part of a message, or of the system prompt (position -1); None when there is none."""
    text = "system" if position < 0 else "messages[?].content"
    places = [] if position < 0 else [position + 1]
    row = cursor.execute(
        f"SELECT substring({text}, ?, ?) FROM shown WHERE row_id = ?",
        [*places, start + 1, min(size, LARGEST), row_id],
    ).fetchone()
    return None if row is None else row[0]


def _verdict(judgment: dict[str, Any] | None, score: float | None) -> dict[str, Any] | None:
    if judgment is None:
        return None
    flags, scores = judgment["categories"] or {}, judgment["category_scores"] or {}
    told = [
        {"name": name, "score": scores.get(name), "hit": bool(flags.get(name))}
        for name in CATEGORIES
        if flags.get(name) or (scores.get(name) or 0) >= 0.01
    ]
    return {
        "status": judgment["status"],
        "flagged": judgment["flagged"],
        "score": score,
        "categories": sorted(told, key=lambda one: (-one["hit"], -(one["score"] or 0))),
    }
