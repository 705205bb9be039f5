"""Everything that was decided about one conversation, with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from chatlog.errors import DataError
from chatlog.query import connect, dicts


@dataclass(frozen=True)
class Fact:
    """One thing that was decided about a conversation, in words.

    Attributes:
        name: of what, as `language`.
        text: what.
        part: whether it goes into detail on the fact before it.
        row: another row of the run that it tells of.
        against: whether it speaks against releasing the conversation: flagged, or left out.
    """

    name: str
    text: str
    part: bool = False
    row: int | None = None
    against: bool = False


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
        yield f"conversation {self.row['conversation_id']}  (row {self.row['row_id']})"
        for fact in self.facts():
            yield f"    {fact.name}: {fact.text}" if fact.part else f"  {fact.name:<12} {fact.text}"

    def facts(self) -> Iterator[Fact]:
        """What was decided, in words, in the order of the stages; what no stage decided is left out."""
        row = self.row
        yield Fact("told by", f"{row['source']}, record {row['record']}; model {row['model']}, {row['created_at']}")
        if row["kept"] is not None:
            yield from self._duplicates()
        if row["battle_id"] is not None:
            yield Fact("battle", f"side {row['battle_side']} of {row['battle_id']}, winner {row['winner']}")
        if row["language"] is not None:
            yield Fact("language", f"{row['language']} ({row['language_code']}, score {row['language_score']:.2f})")
            if len(row["language_shares"] or ()) > 1:
                mixed = ", ".join(f"{one['code']} {one['share']:.0%}" for one in row["language_shares"])
                yield Fact("of the user", mixed, part=True)
            if row["answer_language"] not in (row["language"], "unknown"):
                yield Fact("of answers", f"{row['answer_language']} ({row['answer_language_code']})", part=True)
        if row["redacted"] is not None:
            told = ", ".join(f"{count} {kind}" for kind, count in self.pii.items()) or "nothing found"
            yield Fact("redacted", told)
        if row["contamination"] is not None:
            yield Fact("overlap", "contaminated" if row["contaminated"] else "not contaminated")
            for hit in row["contamination"]:
                found = "whole" if hit["kind"] == "exact" else f"{hit['share']:.0%} of its n-grams"
                told = f"{hit['benchmark']} {hit['item']}, {found}"
                yield Fact(f"message {hit['message']} ({hit['role']})", told, part=True)
        if row["topic_id"] is not None:
            yield Fact("topic", topic_of(row))
        if row["moderation_status"] is not None:
            verdict = {True: "flagged", False: "not flagged", None: "no verdict"}[row["flagged"]]
            yield Fact("moderation", f"{row['moderation_status']}, {verdict}", against=bool(row["flagged"]))
            for judgment in self.judgments:
                if judgment["categories"] or judgment["status"] != "ok":
                    found = f"{judgment['status']} {', '.join(judgment['categories'])}"
                    yield Fact(f"message {judgment['message']} ({judgment['role']})", found, part=True)
        yield Fact("release", f"left out: {self.reason}" if self.reason else "released", against=bool(self.reason))

    def _duplicates(self) -> Iterator[Fact]:
        row = self.row
        if row["kept"]:
            yield Fact("kept", f"best of a cluster of {row['cluster_size']}")
        else:
            near = f", similarity {row['similarity']:.2f}" if row["similarity"] is not None else ""
            told = f"{row['duplicate_kind']} of row {row['duplicate_of']}{near}"
            yield Fact("duplicate", f"{told}; cluster of {row['cluster_size']}", row=row["duplicate_of"])
        for other in self.cluster:
            if other["row_id"] != row["row_id"]:
                like = f", similarity {other['similarity']:.2f}" if other["similarity"] is not None else ""
                told = f"{other['kind']}{like}" if other["kind"] else "kept"
                text = f"row {other['row_id']}  {other['conversation_id']}  {told}"
                yield Fact("with", text, part=True, row=other["row_id"])
        if row["contained_in"] is not None:
            told = f"{row['containment']:.0%} of it stands in row {row['contained_in']}"
            yield Fact("contained", told, row=row["contained_in"])
        yield Fact("prompt", f"{row['prompt_cluster_size']} rows begin with this first turn or one like it")


def explain(root: str | Path, id: str) -> list[Explanation]:
    """The explanation of every row that has this conversation_id or row_id.

    Raises:
        DataError: there is none.
    """
    with connect(root) as connection:
        found = _explained(connection, "row_id = ?", int(id)) if id.isdecimal() and len(id) < 19 else []
        found = found or _explained(connection, "conversation_id = ?", id)
    if not found:
        raise DataError(
            f"{root} has no conversation {id!r}; ids are in: "
            f"chatlog sql 'SELECT conversation_id FROM conversations' --run {root}"
        )
    return found


def topic_of(row: dict[str, Any]) -> str:
    """A topic by its name and its theme's, from `topic_id`, `topic`, `theme` and `topic_distance`."""
    if row["topic_id"] < 0:
        return "none: it is like no topic"
    name = row["topic"] or f"number {row['topic_id']}, of too few users to have a name"
    theme = f", in {row['theme']}" if row["theme"] else ""
    return f"{name}{theme} (distance {row['topic_distance']:.2f})"


def explain_row(connection: duckdb.DuckDBPyConnection, row_id: int) -> Explanation | None:
    """The explanation of one row over a connection of chatlog.query.connect; None when there is no such row."""
    return next(iter(_explained(connection, "row_id = ?", row_id)), None)


def _explained(connection: duckdb.DuckDBPyConnection, condition: str, value: int | str) -> list[Explanation]:
    rows = dicts(
        connection.execute(
            "SELECT c.* EXCLUDE (messages, moderation, pii, meta, system), t.label AS topic, "
            "theme.label AS theme, d.reason AS release_reason "
            "FROM conversations AS c LEFT JOIN topics AS t USING (topic_id) "
            "LEFT JOIN topics AS theme ON theme.topic_id = t.parent "
            f"LEFT JOIN decisions AS d USING (row_id) WHERE c.{condition} ORDER BY row_id",
            [value],
        )
    )
    return [_explanation(connection, row) for row in rows]


def _explanation(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> Explanation:
    key = row["row_id"]
    cluster = dicts(
        connection.execute(
            "SELECT row_id, conversation_id, duplicate_kind AS kind, similarity FROM conversations "
            "WHERE cluster_id = ? ORDER BY kept DESC, row_id LIMIT 50",
            [row["cluster_id"]],
        )
    )
    spans = connection.execute("SELECT type FROM pii WHERE row_id = ? AND placeholder IS NOT NULL", [key]).fetchall()
    judgments = dicts(
        connection.execute(
            "SELECT position AS message, role, moderation_status AS status, categories FROM messages "
            "WHERE row_id = ? ORDER BY position",
            [key],
        )
    )
    for judgment in judgments:
        hits = judgment["categories"] or {}
        judgment["categories"] = [name for name, hit in hits.items() if hit]
    reason = row.pop("release_reason")
    return Explanation(row, reason, cluster, dict(Counter(kind for (kind,) in spans)), judgments)
