"""Everything that was decided about one conversation, with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from chatlog.errors import DataError
from chatlog.query import connect


@dataclass(frozen=True)
class Explanation:
    """One row of a run.

    Attributes:
        row: its columns, without the text of its messages.
        reason: why the release leaves it out; None when it does not, or there is no release.
        cluster: the rows of its duplicate cluster: row_id, conversation_id, kind, similarity.
        pii: how many spans of each type were replaced.
        judgments: role, status and flagged categories of every message.
    """

    row: dict[str, Any]
    reason: str | None
    cluster: list[dict[str, Any]]
    pii: dict[str, int]
    judgments: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The object that `chatlog explain --json` prints a row."""
        return {
            **self.row,
            "release": "left out" if self.reason else "released",
            "reason": self.reason,
            "cluster": self.cluster,
            "pii": self.pii,
            "messages": self.judgments,
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        row = self.row
        yield f"conversation {row['conversation_id']}  (row {row['row_id']})"
        yield f"  told by      {row['source']}, record {row['record']}; model {row['model']}, {row['created_at']}"
        if row["kept"] is not None:
            if row["kept"]:
                yield f"  kept         best of a cluster of {row['cluster_size']}"
            else:
                near = f", similarity {row['similarity']:.2f}" if row["similarity"] is not None else ""
                told = f"{row['duplicate_kind']} of row {row['duplicate_of']}{near}"
                yield f"  duplicate    {told}; cluster of {row['cluster_size']}"
            for other in self.cluster:
                if other["row_id"] != row["row_id"]:
                    like = f", similarity {other['similarity']:.2f}" if other["similarity"] is not None else ""
                    told = f"{other['kind']}{like}" if other["kind"] else "kept"
                    yield f"    with       row {other['row_id']}  {other['conversation_id']}  {told}"
            if row["contained_in"] is not None:
                yield f"  contained    {row['containment']:.0%} of it stands in row {row['contained_in']}"
            yield f"  prompt       {row['prompt_cluster_size']} rows begin with this first turn or one like it"
        if row["battle_id"] is not None:
            yield f"  battle       side {row['battle_side']} of {row['battle_id']}, winner {row['winner']}"
        if row["language"] is not None:
            yield f"  language     {row['language']} ({row['language_code']}, score {row['language_score']:.2f})"
            if len(row["language_shares"] or ()) > 1:
                mixed = ", ".join(f"{one['code']} {one['share']:.0%}" for one in row["language_shares"])
                yield f"    of the user  {mixed}"
            if row["answer_language"] not in (row["language"], "unknown"):
                yield f"    of answers   {row['answer_language']} ({row['answer_language_code']})"
        if row["redacted"] is not None:
            told = ", ".join(f"{count} {kind}" for kind, count in self.pii.items()) or "nothing found"
            yield f"  redacted     {told}"
        if row["contamination"] is not None:
            yield f"  overlap      {'contaminated' if row['contaminated'] else 'not contaminated'}"
            for hit in row["contamination"]:
                found = "whole" if hit["kind"] == "exact" else f"{hit['share']:.0%} of its n-grams"
                yield f"    message {hit['message']} ({hit['role']}): {hit['benchmark']} {hit['item']}, {found}"
        if row["topic_id"] is not None:
            yield f"  topic        {row['topic'] or row['topic_id']} (distance {row['topic_distance']:.2f})"
        if row["moderation_status"] is not None:
            verdict = {True: "flagged", False: "not flagged", None: "no verdict"}[row["flagged"]]
            yield f"  moderation   {row['moderation_status']}, {verdict}"
            for judgment in self.judgments:
                if judgment["categories"] or judgment["status"] != "ok":
                    found = f"{judgment['status']} {', '.join(judgment['categories'])}"
                    yield f"    message {judgment['message']} ({judgment['role']}): {found}"
        yield f"  release      {'left out: ' + self.reason if self.reason else 'released'}"


def explain(root: str | Path, id: str) -> list[Explanation]:
    """The explanation of every row that has this conversation_id or row_id.

    Raises:
        DataError: there is none.
    """
    with connect(root) as connection:
        condition, value = ("row_id = ?", int(id)) if id.isdecimal() and len(id) < 19 else ("conversation_id = ?", id)
        rows = _rows(
            connection,
            "SELECT c.* EXCLUDE (messages, moderation, pii, meta, system), t.label AS topic, "
            "d.reason AS release_reason "
            "FROM conversations AS c LEFT JOIN topics AS t USING (topic_id) LEFT JOIN decisions AS d USING (row_id) "
            f"WHERE c.{condition} ORDER BY row_id",
            [value],
        )
        if not rows and condition.startswith("row_id"):
            rows = _rows(connection, "SELECT row_id FROM conversations WHERE conversation_id = ?", [id])
            if rows:
                return [item for row in rows for item in explain(root, str(row["row_id"]))]
        if not rows:
            raise DataError(
                f"{root} has no conversation {id!r}; ids are in: "
                f"chatlog sql 'SELECT conversation_id FROM conversations' --run {root}"
            )
        return [_explanation(connection, row) for row in rows]


def _explanation(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> Explanation:
    key = row["row_id"]
    cluster = _rows(
        connection,
        "SELECT row_id, conversation_id, duplicate_kind AS kind, similarity FROM conversations "
        "WHERE cluster_id = ? ORDER BY kept DESC, row_id LIMIT 50",
        [row["cluster_id"]],
    )
    spans = _rows(connection, "SELECT type FROM pii WHERE row_id = ? AND placeholder IS NOT NULL", [key])
    judgments = _rows(
        connection,
        "SELECT position AS message, role, moderation_status AS status, categories FROM messages "
        "WHERE row_id = ? ORDER BY position",
        [key],
    )
    for judgment in judgments:
        hits = judgment["categories"] or {}
        judgment["categories"] = [name for name, hit in hits.items() if hit]
    reason = row.pop("release_reason")
    return Explanation(row, reason, cluster, dict(Counter(span["type"] for span in spans)), judgments)


def _rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any]) -> list[dict[str, Any]]:
    cursor = connection.execute(query, parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
