"""A connection with the views of a run, filled with made-up rows."""

from __future__ import annotations

import datetime
import random

import duckdb
import pyarrow as pa

from chatlog.schema import CATEGORIES, MESSAGES, MODERATION, TIMESTAMP

HOSTILE = "</script><script>window.stolen=1</script><img src=x onerror=window.stolen=1>\u202e&amp;"

_LANGUAGES = ("English", "Portuguese", "Russian", "Chinese", "Spanish", "German", "French", "Japanese", "unknown")
_MODELS = ("vicuna-13b", "koala-13b", "llama-2-7b-chat", "mixtral-8x7b-instruct-v0.1", "fastchat-t5-3b", HOSTILE)
USERS = 40
"""User keys of the made-up run."""

RARE_TOPIC = 5
"""Its conversations are all of one user."""

_TOPICS = (
    ("recipe, bake, oven", "recipe, bake, oven, bread, flour"),
    ("python, function, list", "python, function, list, code"),
    ("story, character, dragon", "story, character, dragon, chapter"),
    ("travel, train, hotel", "travel, train, hotel, flight"),
    ("essay, history, war", "essay, history, war, empire"),
    (HOSTILE, HOSTILE),
    (None, ""),
)


_MESSAGES_VIEW = """CREATE VIEW messages AS
SELECT row_id, c.p - 1 AS position, messages[c.p].role AS role, messages[c.p].content AS content, language, model,
       moderation[c.p].flagged AS flagged, moderation[c.p].status AS moderation_status
FROM (SELECT *, unnest(range(1, len(messages) + 1)) AS p FROM conversations) AS c"""


def connection(n: int = 800) -> duckdb.DuckDBPyConnection:
    """All views, with `n` conversations."""
    dice = random.Random(7)
    con = duckdb.connect()
    rows = [_conversation(i, dice) for i in range(n)]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    con.register("told", table)
    con.execute("CREATE TABLE conversations AS SELECT * FROM told")
    con.execute(_MESSAGES_VIEW)
    con.execute(
        "CREATE TABLE topics (topic_id INTEGER, label VARCHAR, keywords VARCHAR[], size BIGINT, parent INTEGER, "
        "medoids BIGINT[], examples VARCHAR[])"
    )
    for topic, (label, keywords) in enumerate(_TOPICS):
        size = sum(row["topic_id"] == topic for row in rows)
        examples = [f"How do I {label}, please?", HOSTILE] if label else []
        parent = None if topic == len(_TOPICS) - 1 else 100 + topic % 2
        medoids = [row["row_id"] for row in rows if row["topic_id"] == topic and row["kept"]][:5]
        con.execute(
            "INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?, ?)",
            [topic, label, keywords.split(", "), size, parent, medoids, examples],
        )
    for theme, label in ((100, "at home"), (101, HOSTILE)):
        con.execute("INSERT INTO topics VALUES (?, ?, ['theme'], 0, NULL, [], [])", [theme, label])
    con.execute(
        "CREATE TABLE pii (row_id BIGINT, message INTEGER, type VARCHAR, score FLOAT, "
        "recognizer VARCHAR, placeholder VARCHAR)"
    )
    for i in range(0, n, 3):
        kind = dice.choice(["PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", HOSTILE])
        con.execute("INSERT INTO pii VALUES (?, 0, ?, 0.9, 'pattern', 'X_1')", [i, kind])
    con.execute(
        "CREATE TABLE canaries (dimension VARCHAR, value VARCHAR, planted BIGINT, gone BIGINT, recall DOUBLE, "
        "low DOUBLE, high DOUBLE)"
    )
    con.execute(
        "INSERT INTO canaries VALUES ('all', 'all', 20, 15, 0.75, 0.53, 0.89), "
        "('type', 'PERSON', 20, 15, 0.75, 0.53, 0.89)"
    )
    con.execute(
        "CREATE TABLE rejects (source VARCHAR, record BIGINT, byte_offset BIGINT, reason VARCHAR, hint VARCHAR)"
    )
    for i in range(12):
        con.execute(
            "INSERT INTO rejects VALUES ('logs/a.json', ?, ?, ?, '')",
            [i, i * 100, dice.choice(["bad_json", "no_messages", HOSTILE])],
        )
    con.execute(
        "CREATE TABLE stages (stage VARCHAR, shard BIGINT, rows BIGINT, seconds DOUBLE, bytes BIGINT, done BOOLEAN)"
    )
    for stage, seconds in (
        ("ingest", 0.4),
        ("dedup", 1.2),
        ("redact", 14.0),
        ("embed", 62.5),
        ("topics", 8.1),
        ("moderate", 120.0),
    ):
        con.execute("INSERT INTO stages VALUES (?, 0, ?, ?, 12345, true)", [stage, n, seconds])
    con.execute("INSERT INTO stages VALUES ('moderate', 1, NULL, NULL, NULL, false)")
    con.execute(
        "CREATE VIEW decisions AS SELECT row_id, CASE WHEN NOT kept THEN 'duplicate: ' || duplicate_kind "
        "WHEN truncated THEN 'no answer' END AS reason FROM conversations"
    )
    lost = sum(not row["kept"] or row["truncated"] for row in rows)
    con.execute("CREATE TABLE funnel (step VARCHAR, n BIGINT, note VARCHAR)")
    for step in (
        ("records", n + 12, "conversations that the logs tell"),
        ("rejects", 12, "records that no row could be made of"),
        ("rows", n, "conversations staged"),
        ("duplicates", sum(not row["kept"] for row in rows), "3 snapshots, 100 exact, 12 near"),
        ("redacted", sum(row["redacted"] for row in rows), "kept conversations in which something was replaced"),
        ("flagged", sum(bool(row["flagged"]) for row in rows), HOSTILE),
        ("dropped", lost, "left out by the release query, see decisions"),
        ("released", n - lost, "what a release holds"),
    ):
        con.execute("INSERT INTO funnel VALUES (?, ?, ?)", step)
    return con


def connection_of_many(n: int, topics: int = 96) -> duckdb.DuckDBPyConnection:
    """A run of at least `n` conversations on a map of clouds; they repeat some thousand that were made up."""
    con = connection(2000)
    con.execute("DROP VIEW messages; DROP VIEW decisions; DELETE FROM topics; ALTER TABLE conversations RENAME TO few")
    con.execute(
        f"""CREATE TABLE conversations AS
        SELECT * EXCLUDE (range, a, b)
               REPLACE (row_id + 2000 * range AS row_id, (hash(row_id, range) % {topics})::INTEGER AS topic_id,
                          (sin(hash(row_id, range) % {topics} * 12.9) + a * cos(b)) AS topic_x,
                          (cos(hash(row_id, range) % {topics} * 78.2) + a * sin(b)) AS topic_y)
        FROM (SELECT few.*, range, 0.08 * sqrt(-2 * ln((hash(range, row_id, 1) % 9999 + 1) / 10000)) AS a,
                     hash(range, row_id, 2) % 9973 / 1587 AS b
              FROM few, range({-(-n // 2000)}))"""
    )
    con.execute("CREATE VIEW decisions AS SELECT row_id, NULL::VARCHAR AS reason FROM conversations")
    for topic in range(topics):
        words = [f"word{topic}", f"other{topic % 7}", "more"]
        con.execute(
            "INSERT INTO topics VALUES (?, ?, ?, 0, ?, [], [])", [topic, ", ".join(words), words, 1000 + topic % 9]
        )
    for theme in range(9):
        con.execute("INSERT INTO topics VALUES (?, ?, [], 0, NULL, [], [])", [1000 + theme, f"theme {theme}"])
    con.execute(_MESSAGES_VIEW)
    return con


def connection_after_ingest(n: int = 5) -> duckdb.DuckDBPyConnection:
    """A run that stopped after `ingest`: the other stages' columns are null, and their tables empty."""
    con = connection(n)
    told = {
        "row_id",
        "conversation_id",
        "source",
        "user_key",
        "model",
        "created_at",
        "messages",
        "truncated",
        "winner",
        "battle_id",
    }
    for name in _SCHEMA.names:
        if name not in told:
            con.execute(f'UPDATE conversations SET "{name}" = NULL')
    con.execute("DELETE FROM topics; DELETE FROM pii; DELETE FROM canaries; DELETE FROM rejects")
    con.execute("CREATE OR REPLACE VIEW decisions AS SELECT row_id, NULL AS reason FROM conversations WHERE false")
    return con


_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.int64()),
        pa.field("conversation_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("user_key", pa.string()),
        pa.field("model", pa.string()),
        pa.field("created_at", TIMESTAMP),
        pa.field("messages", MESSAGES),
        pa.field("kept", pa.bool_()),
        pa.field("duplicate_kind", pa.string()),
        pa.field("cluster_id", pa.int64()),
        pa.field("cluster_size", pa.int32()),
        pa.field("prompt_cluster_id", pa.int64()),
        pa.field("redacted", pa.bool_()),
        pa.field("language", pa.string()),
        pa.field("topic_id", pa.int32()),
        pa.field("topic_x", pa.float32()),
        pa.field("topic_y", pa.float32()),
        pa.field("moderation", MODERATION),
        pa.field("flagged", pa.bool_()),
        pa.field("moderation_status", pa.string()),
        pa.field("truncated", pa.bool_()),
        pa.field("winner", pa.string()),
        pa.field("battle_id", pa.string()),
    ]
)


def _conversation(i: int, dice: random.Random) -> dict[str, object]:
    turns = min(dice.choice([1, 1, 1, 2, 2, 3, 5]) + int(dice.expovariate(0.8)), 14)
    talk: list[dict[str, object]] = []
    for _ in range(turns):
        talk.append({"role": "user", "content": "some words " * int(dice.lognormvariate(1, 1) + 1)})
        talk.append({"role": "assistant", "content": "secret answer " * int(dice.lognormvariate(3, 1) + 1)})
    topic = min(int(dice.expovariate(0.5)), len(_TOPICS) - 1)
    talk[0]["content"] = f"question of topic {topic}: " + str(talk[0]["content"])
    kept = dice.random() > 0.2
    status = dice.choices(["ok", "error", "skipped"], [95, 3, 2])[0]
    flags = [dict.fromkeys(CATEGORIES, False) | {dice.choice(CATEGORIES): dice.random() < 0.08} for _ in talk]
    scores = [{name: (0.5 + dice.random() / 2 if f[name] else dice.random() / 2) for name in CATEGORIES} for f in flags]
    judged = [
        {"categories": f, "category_scores": s, "flagged": any(f.values()), "status": "ok"}
        for f, s in zip(flags, scores, strict=True)
    ]
    return {
        "row_id": i,
        "conversation_id": f"c{i}",
        "source": "logs/a.json",
        "user_key": "rare" if topic == RARE_TOPIC else f"u{dice.randrange(USERS)}",
        "model": dice.choices(_MODELS, [40, 20, 15, 12, 8, 5])[0],
        "created_at": datetime.datetime(2023, 4, 1, tzinfo=datetime.UTC)
        + datetime.timedelta(days=int(90 * dice.random() ** 0.6)),
        "messages": talk,
        "kept": kept,
        "duplicate_kind": None if kept else dice.choice(["exact", "near", "snapshot"]),
        "cluster_id": i // 25 * 25 if i % 5 else i,
        "cluster_size": 1 if dice.random() > 0.2 else int(dice.paretovariate(1)) + 1,
        "prompt_cluster_id": i // 50 * 50,
        "redacted": dice.random() < 0.25,
        "language": dice.choices(_LANGUAGES, [60, 8, 7, 7, 5, 4, 4, 3, 2])[0],
        "topic_id": topic,
        "topic_x": dice.gauss((topic * 37 % 7) / 3.5 - 1, 0.12),
        "topic_y": dice.gauss((topic * 17 % 5) / 2.5 - 1, 0.12),
        "moderation": judged if status == "ok" else None,
        "flagged": any(j["flagged"] for j in judged) if status == "ok" else None,
        "moderation_status": status,
        "truncated": dice.random() < 0.05,
        "winner": dice.choice(["model_a", "model_b", "tie", "tie (bothbad)"]) if i % 10 == 0 else None,
        "battle_id": f"b{i // 20}" if i % 10 == 0 else None,
    }
