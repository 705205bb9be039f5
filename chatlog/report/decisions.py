"""Figures about what was decided: the funnel, duplicates, redaction, rejects, and the work itself."""

from __future__ import annotations

from typing import Final

from chatlog.report.charts import bars, columns
from chatlog.report.figures import Figure, Section
from chatlog.report.named import ASKED_BY_MANY
from chatlog.report.shares import share_bars, shares_by

_SHOWN: Final = "A question is shown, redacted, where $min_users users and more asked it."

STEPS: Final = Figure(
    name="funnel-steps",
    title="From records to what can be released",
    note="A bar from the left counts conversations. Set off to the right: what is lost on the way.",
    sql="SELECT step, n, note FROM funnel",
)

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
        Figure(
            name="largest-clusters",
            title="The conversations that were told most often",
            note=f"Row is that of the kept telling: chatlog explain RUN ROW tells the others. {_SHOWN}",
            sql=f"""WITH clusters AS (
  SELECT cluster_id AS "row", count(*) AS told, count(*) FILTER (duplicate_kind = 'snapshot') AS snapshots,
         count(*) FILTER (duplicate_kind = 'exact') AS exact, count(*) FILTER (duplicate_kind = 'near') AS near,
         count(DISTINCT user_key) AS users, count(DISTINCT model) AS models, count(DISTINCT source) AS files
  FROM conversations WHERE cluster_id IS NOT NULL GROUP BY cluster_id
  HAVING count(*) > 1 ORDER BY told DESC, cluster_id LIMIT 25
)
SELECT clusters.*, language,
       {ASKED_BY_MANY}
FROM clusters LEFT JOIN conversations ON row_id = "row"
ORDER BY told DESC, "row" """,
        ),
        Figure(
            name="largest-prompts",
            title="The first questions that were asked most often",
            note=f"With any answers, of any model: battles, benchmarks and bots show here. {_SHOWN}",
            sql=f"""WITH prompts AS (
  SELECT prompt_cluster_id, count(*) AS asked, count(DISTINCT user_key) AS users, count(DISTINCT model) AS models,
         count(*) FILTER (kept) AS kept, min(row_id) FILTER (kept) AS "row"
  FROM conversations WHERE prompt_cluster_id IS NOT NULL GROUP BY prompt_cluster_id
  HAVING count(*) > 1 ORDER BY asked DESC, prompt_cluster_id LIMIT 25
)
SELECT "row", asked, prompts.kept, users, models, language,
       {ASKED_BY_MANY}
FROM prompts LEFT JOIN conversations ON row_id = "row"
ORDER BY asked DESC, "row" """,
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
                interval=True,
            ),
        ),
        Figure(
            name="pii-language",
            title="Share of conversations with a replacement, by language",
            note="Languages of 20 conversations and more; whiskers are 95% intervals.",
            sql=shares_by("language", "redacted", "kept IS NOT FALSE AND redacted IS NOT NULL"),
            draw=share_bars("language", "of conversations", "mark"),
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
            note="Summed over the workers, so that the wall time is less. The last column tells the cost: hours of "
            "one worker for a million rows.",
            sql="""SELECT stage, count(*) AS shards, count(*) FILTER (done) AS done, sum(rows) AS rows,
       round(sum(seconds), 2) AS seconds, round(sum(rows) / nullif(sum(seconds), 0), 1) AS rows_a_second,
       sum(bytes) AS bytes, round(sum(seconds) / nullif(sum(rows), 0) * 1e6 / 3600, 2) AS hours_a_million
FROM stages GROUP BY stage ORDER BY sum(seconds) DESC NULLS LAST, stage""",
            draw=lambda rows: bars(rows, "stage", "seconds", unit="seconds"),
            open_table=True,
        ),
    ),
)
