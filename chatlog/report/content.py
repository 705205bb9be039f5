"""Figures about what the logs hold: languages, models, turns, lengths and time."""

from __future__ import annotations

from typing import Final

from chatlog.report.charts import bars, columns, steps, timeline
from chatlog.report.figures import Figure, Section
from chatlog.report.named import USER_TURNS

NUMBERS: Final = Figure(
    name="numbers",
    title="The run in numbers",
    sql="""SELECT count(*) AS conversations,
       count(*) FILTER (kept IS NOT FALSE) AS kept,
       sum(len(messages)) AS messages,
       count(DISTINCT model) AS models,
       count(DISTINCT language) FILTER (language <> 'unknown') AS languages,
       count(*) FILTER (redacted AND kept IS NOT FALSE) AS redacted,
       count(*) FILTER (flagged AND kept IS NOT FALSE) AS flagged,
       min(created_at)::DATE AS first_day,
       max(created_at)::DATE AS last_day
FROM conversations""",
)

LANGUAGES: Final = Section(
    "languages",
    "Languages",
    (
        Figure(
            name="language-bars",
            title="Conversations by language",
            note="The language of the user's turns. The 20 most frequent; the table under it has 100.",
            sql="""SELECT language, count(*) AS conversations,
       count(*) / sum(count(*)) OVER () AS share
FROM conversations
WHERE kept IS NOT FALSE AND language IS NOT NULL
GROUP BY language ORDER BY conversations DESC, language LIMIT 100""",
            draw=lambda rows: bars(rows[:20], "language", "conversations", unit="conversations"),
        ),
    ),
)

MODELS: Final = Section(
    "models",
    "Models",
    (
        Figure(
            name="model-bars",
            title="Conversations by model",
            note="The 25 most frequent; the table under it has 100.",
            sql="""SELECT coalesce(model, 'unknown') AS model, count(*) AS conversations,
       count(*) / sum(count(*)) OVER () AS share,
       round(avg(len(messages)), 2) AS mean_messages
FROM conversations
WHERE kept IS NOT FALSE
GROUP BY ALL ORDER BY conversations DESC, model LIMIT 100""",
            draw=lambda rows: bars(rows[:25], "model", "conversations", unit="conversations"),
        ),
        Figure(
            name="battles",
            title="Outcomes of battles",
            note="Each battle once, however many of its sides are in the logs.",
            sql="""SELECT winner, count(DISTINCT battle_id) AS battles
FROM conversations
WHERE winner IS NOT NULL AND battle_id IS NOT NULL
GROUP BY winner ORDER BY battles DESC, winner LIMIT 20""",
            draw=lambda rows: bars(rows, "winner", "battles", unit="battles"),
        ),
    ),
)

LENGTHS: Final = Section(
    "lengths",
    "Turns and lengths",
    (
        Figure(
            name="turns",
            title="Turns of the user a conversation",
            sql=f"""SELECT CASE WHEN turns >= 10 THEN '10+' ELSE turns::VARCHAR END AS turns,
       count(*) AS conversations
FROM (SELECT len({USER_TURNS}) AS turns
      FROM conversations WHERE kept IS NOT FALSE AND messages IS NOT NULL)
GROUP BY ALL ORDER BY min(turns)""",
            draw=lambda rows: columns(rows, "turns", "conversations", unit="conversations", across="turns"),
        ),
        Figure(
            name="characters",
            title="Characters a message, by role",
            note="Lengths are grouped by powers of two.",
            sql="""SELECT role, power(2, floor(log2(greatest(len(content), 1))))::BIGINT AS characters,
       count(*) AS messages
FROM messages
WHERE content IS NOT NULL AND role IS NOT NULL
GROUP BY ALL ORDER BY role DESC, characters""",
            draw=lambda rows: steps(
                rows, "characters", "messages", "role", unit="messages", across="characters, at least", log=True
            ),
        ),
    ),
)

TIME: Final = Section(
    "time",
    "Time",
    (
        Figure(
            name="timeline",
            title="Conversations over time",
            note="By day, by week past four months, by month past four years; UTC.",
            sql="""WITH span AS (SELECT date_diff('day', min(created_at), max(created_at)) AS days
              FROM conversations WHERE kept IS NOT FALSE)
SELECT date_trunc(CASE WHEN days > 1460 THEN 'month' WHEN days > 120 THEN 'week' ELSE 'day' END,
                  created_at)::DATE AS begins,
       count(*) AS conversations
FROM conversations, span
WHERE kept IS NOT FALSE AND created_at IS NOT NULL
GROUP BY begins ORDER BY begins""",
            draw=lambda rows: timeline(rows, "begins", "conversations", unit="conversations"),
        ),
    ),
)
