"""Figures about what was decided: the funnel, duplicates, redaction, moderation, rejects, and the work itself."""

from __future__ import annotations

from typing import Final

from chatlog.report.charts import bars, columns, number
from chatlog.report.figures import Figure, Row, Section
from chatlog.schema import CATEGORIES


def _wilson(hits: str, n: str) -> str:
    """SQL for the ends `low` and `high` of the 95% score interval of a share (Wilson, 1927)."""
    z = 1.96
    middle = f"({hits} + {z * z / 2:.4f}) / ({n} + {z * z:.4f})"
    half = f"{z} * sqrt({hits} * ({n} - {hits}) / {n} + {z * z / 4:.4f}) / ({n} + {z * z:.4f})"
    return f"greatest(0, {middle} - {half}) AS low,\n       least(1, {middle} + {half}) AS high"


STEPS: Final = Figure(
    name="funnel-steps",
    title="From records to what can be released",
    note="A bar from the left counts conversations. Set off to the right: what is lost on the way.",
    sql="SELECT step, n, note FROM funnel",
)


def _of_how_many(row: Row) -> str:
    return f"of {number(row['conversations'])} conversations"


FUNNEL: Final = Section(
    "funnel",
    "Funnel",
    (
        STEPS,
        Figure(
            name="reasons",
            title="Why conversations are left out of the release",
            note="The first reason that holds, by the pipeline's release query.",
            sql="""SELECT reason, count(*) AS conversations
FROM decisions WHERE reason IS NOT NULL
GROUP BY reason ORDER BY conversations DESC, reason LIMIT 30""",
            draw=lambda rows: bars(rows, "reason", "conversations", unit="conversations", tone="loss"),
        ),
    ),
)

DUPLICATES: Final = Section(
    "duplicates",
    "Duplicates",
    (
        Figure(
            name="duplicate-kinds",
            title="Duplicates by kind",
            note="A snapshot is an earlier state of a conversation that went on.",
            sql="""SELECT duplicate_kind AS kind, count(*) AS conversations
FROM conversations WHERE kept = false AND duplicate_kind IS NOT NULL
GROUP BY kind ORDER BY conversations DESC, kind""",
            draw=lambda rows: bars(rows, "kind", "conversations", unit="conversations", tone="loss"),
        ),
        Figure(
            name="cluster-sizes",
            title="How often a repeated conversation was told",
            sql="""SELECT CASE WHEN cluster_size < 6 THEN cluster_size::VARCHAR WHEN cluster_size < 11 THEN '6-10'
            WHEN cluster_size < 101 THEN '11-100' ELSE '101+' END AS times,
       count(*) AS conversations
FROM conversations WHERE kept AND cluster_size > 1
GROUP BY times ORDER BY min(cluster_size)""",
            draw=lambda rows: columns(
                rows, "times", "conversations", unit="kept conversations", across="times told", tone="loss"
            ),
        ),
    ),
)

PII: Final = Section(
    "pii",
    "Personal data",
    (
        Figure(
            name="pii-types",
            title="What was replaced, by type",
            sql="""SELECT "type", count(*) AS spans, count(DISTINCT row_id) AS conversations,
       round(avg(score), 3) AS mean_score
FROM pii WHERE placeholder IS NOT NULL GROUP BY "type" ORDER BY spans DESC, "type" LIMIT 60""",
            draw=lambda rows: bars(rows, "type", "spans", unit="replaced spans", tone="mark"),
        ),
        Figure(
            name="pii-recognizers",
            title="Which recognizer found it",
            sql="""SELECT recognizer, "type", count(*) AS spans
FROM pii GROUP BY ALL ORDER BY spans DESC, recognizer, "type" LIMIT 100""",
        ),
        Figure(
            name="pii-canaries",
            title="Share of planted entities that redaction took out, by type",
            note="Invented entities in copies of conversations (chatlog pii --canaries); whiskers are 95% intervals.",
            sql="""SELECT value AS type, recall, planted, gone, low, high
FROM canaries WHERE dimension = 'type' ORDER BY recall DESC, type""",
            draw=lambda rows: bars(
                rows,
                "type",
                "recall",
                unit="of planted entities",
                tone="mark",
                share=True,
                low="low",
                high="high",
            ),
        ),
        Figure(
            name="pii-language",
            title="Share of conversations with a replacement, by language",
            note="Languages of 20 conversations and more; whiskers are 95% intervals.",
            sql=f"""SELECT language, hits / n AS share, n AS conversations, hits AS redacted,
       {_wilson("hits", "n")}
FROM (SELECT language, count(*) AS n, count(*) FILTER (redacted) AS hits
      FROM conversations WHERE kept IS NOT FALSE AND redacted IS NOT NULL AND language IS NOT NULL
      GROUP BY language)
WHERE n >= 20 ORDER BY n DESC, language LIMIT 15""",
            draw=lambda rows: bars(
                rows,
                "language",
                "share",
                unit="of conversations",
                tone="mark",
                share=True,
                detail=_of_how_many,
                low="low",
                high="high",
            ),
        ),
    ),
)


def _category_counts() -> str:
    counts = ",\n         ".join(f'count(*) FILTER (j.categories."{name}") AS "{name}"' for name in CATEGORIES)
    return f"""WITH judged AS (
  SELECT j FROM (SELECT unnest(moderation) AS j FROM conversations WHERE moderation IS NOT NULL)
  WHERE j.status = 'ok'
)
SELECT category, messages, messages / (SELECT count(*) FROM judged) AS share
FROM (UNPIVOT (
  SELECT {counts}
  FROM judged
) ON COLUMNS(*) INTO NAME category VALUE messages)
WHERE (SELECT count(*) FROM judged) > 0
ORDER BY messages DESC, category"""


def _flagged_by(column: str) -> str:
    return f"""SELECT {column}, hits / n AS share, n AS conversations, hits AS flagged,
       {_wilson("hits", "n")}
FROM (SELECT {column}, count(*) AS n, count(*) FILTER (flagged) AS hits
      FROM conversations WHERE moderation_status = 'ok' AND {column} IS NOT NULL
      GROUP BY {column})
WHERE n >= 20 ORDER BY n DESC, {column} LIMIT 20"""


MODERATION: Final = Section(
    "moderation",
    "Moderation",
    (
        Figure(
            name="categories",
            title="Flagged messages by category",
            note="A message may be in several. The share is of the messages that were judged.",
            sql=_category_counts(),
            draw=lambda rows: bars(rows, "category", "messages", unit="messages", tone="loss"),
        ),
        Figure(
            name="flagged-model",
            title="Share of flagged conversations, by model",
            note="Models of 20 judged conversations and more; whiskers are 95% intervals.",
            sql=_flagged_by("model"),
            draw=lambda rows: bars(
                rows,
                "model",
                "share",
                unit="of judged conversations",
                tone="loss",
                share=True,
                detail=_of_how_many,
                low="low",
                high="high",
            ),
        ),
        Figure(
            name="flagged-language",
            title="Share of flagged conversations, by language",
            note="Languages of 20 judged conversations and more; whiskers are 95% intervals.",
            sql=_flagged_by("language"),
            draw=lambda rows: bars(
                rows,
                "language",
                "share",
                unit="of judged conversations",
                tone="loss",
                share=True,
                detail=_of_how_many,
                low="low",
                high="high",
            ),
        ),
        Figure(
            name="moderation-status",
            title="Judgments that were made, failed or skipped",
            note="A failed judgment is never told as “not flagged”.",
            sql="""SELECT moderation_status AS status, count(*) AS conversations
FROM conversations WHERE moderation_status IS NOT NULL
GROUP BY status ORDER BY conversations DESC, status""",
            open_table=True,
        ),
    ),
)

REJECTS: Final = Section(
    "rejects",
    "Rejects",
    (
        Figure(
            name="reject-reasons",
            title="Records that no row could be made of, by reason",
            sql="""SELECT reason, count(*) AS records, count(DISTINCT source) AS files
FROM rejects GROUP BY reason ORDER BY records DESC, reason LIMIT 40""",
            draw=lambda rows: bars(rows, "reason", "records", unit="records", tone="loss"),
        ),
        Figure(
            name="reject-files",
            title="Where they stand",
            sql="""SELECT source, reason, count(*) AS records, min(record) AS first_record,
       min(byte_offset) AS first_byte_offset
FROM rejects GROUP BY source, reason ORDER BY records DESC, source, reason LIMIT 50""",
        ),
    ),
)

WORK: Final = Section(
    "work",
    "The work",
    (
        Figure(
            name="stage-seconds",
            title="Seconds by stage",
            note="Summed over the workers, so that the wall time is less.",
            sql="""SELECT stage, count(*) AS shards, count(*) FILTER (done) AS done, sum(rows) AS rows,
       round(sum(seconds), 2) AS seconds, round(sum(rows) / nullif(sum(seconds), 0), 1) AS rows_a_second,
       sum(bytes) AS bytes
FROM stages GROUP BY stage ORDER BY sum(seconds) DESC NULLS LAST, stage""",
            draw=lambda rows: bars(rows, "stage", "seconds", unit="seconds"),
            open_table=True,
        ),
    ),
)
