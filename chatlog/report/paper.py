"""The tables and figures of the LMSYS-Chat-1M paper, drawn from the run under the paper's definitions.

Source: Zheng et al., LMSYS-Chat-1M: A Large-Scale Real-World LLM Conversation Dataset (arXiv 2309.11998). Of its
values only those are given beside the run's that could be confirmed from texts that quote it: all of Table 1 and
the order of the five most frequent languages. The others are left out.
"""

from __future__ import annotations

from typing import Final

from chatlog.report.charts import bars
from chatlog.report.figures import Figure, Section
from chatlog.report.named import NAMED, USER_TURNS
from chatlog.report.safety import JUDGED
from chatlog.report.shares import wilson

_TABLE_1: Final = f"""WITH c AS (SELECT * FROM conversations WHERE kept IS NOT FALSE),
m AS (SELECT role, content FROM messages WHERE content IS NOT NULL)
SELECT measure, this_run, lmsys_chat_1m FROM (
  SELECT 1 AS place, 'conversations' AS measure, count(*)::DOUBLE AS this_run, 1000000 AS lmsys_chat_1m FROM c
  UNION ALL SELECT 2, 'models', count(DISTINCT model), 25 FROM c
  UNION ALL SELECT 3, 'users', nullif(count(DISTINCT user_key), 0), 210479 FROM c
  UNION ALL SELECT 4, 'languages', nullif(count(DISTINCT language) FILTER (language <> 'unknown'), 0), 154 FROM c
  UNION ALL SELECT 5, 'turns a conversation, mean', round(avg(len({USER_TURNS})), 2), 2.0 FROM c
  UNION ALL SELECT 6, 'tokens a prompt, mean (Llama 2)', NULL, 69.5
  UNION ALL SELECT 7, 'tokens a response, mean (Llama 2)', NULL, 214.5
  UNION ALL SELECT 8, 'characters a prompt, mean', round(avg(len(content)), 1), NULL FROM m WHERE role = 'user'
  UNION ALL SELECT 9, 'characters a response, mean', round(avg(len(content)), 1), NULL FROM m WHERE role = 'assistant'
) ORDER BY place"""

_LANGUAGES: Final = """SELECT coalesce(told.language, paper.language) AS language,
       coalesce(conversations, 0) AS conversations, share, paper.place AS place_in_lmsys_chat_1m
FROM (SELECT language, count(*) AS conversations, count(*) / sum(count(*)) OVER () AS share
      FROM conversations WHERE kept IS NOT FALSE AND language IS NOT NULL GROUP BY language) AS told
FULL JOIN (VALUES ('English', 1), ('Portuguese', 2), ('Russian', 3), ('Chinese', 4), ('Spanish', 5))
       AS paper(language, place) ON told.language = paper.language
WHERE EXISTS (SELECT 1 FROM conversations WHERE language IS NOT NULL)
ORDER BY conversations DESC, language LIMIT 15"""

_TOPICS: Final = f"""WITH {NAMED}, asked AS (
  -- As in the paper: prompts of 32 to 1536 characters.
  SELECT topic_id FROM conversations
  WHERE topic_id >= 0 AND kept IS NOT FALSE  -- below 0: in no topic
    AND len({USER_TURNS}[1].content) BETWEEN 32 AND 1536
)
SELECT topic, count(*) AS conversations, count(*) / sum(count(*)) OVER () AS share, any_value(keywords) AS keywords
FROM asked JOIN named USING (topic_id)
GROUP BY topic_id, topic ORDER BY conversations DESC, topic_id LIMIT 20"""

_GROUPS: Final = {
    "sexual": ("sexual", "sexual/minors"),
    "harassment": ("harassment", "harassment/threatening"),
    "violence": ("violence", "violence/graphic"),
    "hate": ("hate", "hate/threatening"),
    "self-harm": ("self-harm", "self-harm/instructions", "self-harm/intent"),
}
"""The paper's five categories of Table 2 in the names of OpenAI's eleven."""


def _table_2() -> str:
    any_of = {group: " OR ".join(f'j.categories."{name}"' for name in names) for group, names in _GROUPS.items()}
    counts = ",\n         ".join(
        f'count(DISTINCT row_id) FILTER ({condition}) AS "{group}"' for group, condition in any_of.items()
    )
    return f"""WITH {JUDGED}, total AS (SELECT count(DISTINCT row_id) AS n FROM judged)
SELECT category, flagged, flagged / n AS share
FROM (UNPIVOT (
  SELECT count(DISTINCT row_id) FILTER (j.flagged) AS "total",
         {counts}
  FROM judged
) ON COLUMNS(*) INTO NAME category VALUE flagged), total
WHERE n > 0 ORDER BY category <> 'total', flagged DESC, category"""


_TABLE_4: Final = f"""WITH told AS (
  SELECT row_id, coalesce(model, 'unknown') AS model, position, role,
         moderation_status = 'ok' AND flagged AS hit, moderation_status = 'error' AS failed
  FROM messages WHERE moderation_status IS NOT NULL
), asked AS (SELECT row_id, min(position) AS first FROM told WHERE role = 'user' AND hit GROUP BY row_id),
outcomes AS (
  SELECT row_id, any_value(model) AS model,
         coalesce(bool_or(hit) FILTER (role = 'assistant' AND position > first), false) AS success,
         coalesce(bool_or(failed) FILTER (role = 'assistant' AND position > first), false) AS failed
  FROM told JOIN asked USING (row_id) GROUP BY row_id
)
SELECT model, attempts, successes, attempts - known AS undetermined, successes / nullif(known, 0) AS success_rate,
       {wilson("successes", "nullif(known, 0)")}
FROM (SELECT model, count(*) AS attempts, count(*) FILTER (success) AS successes,
             count(*) FILTER (success OR NOT failed) AS known
      FROM outcomes GROUP BY model)
ORDER BY attempts DESC, model LIMIT 40"""

PAPER: Final = Section(
    "paper",
    "Beside LMSYS-Chat-1M",
    (
        Figure(
            name="paper-table-1",
            title="Table 1: basic statistics",
            note="Of kept conversations; the paper removed no duplicates. Its tokens are those of Llama 2's tokenizer, "
            "which is not carried here: characters are told beside.",
            sql=_TABLE_1,
            open_table=True,
        ),
        Figure(
            name="paper-figure-1",
            title="Figure 1: conversations by model",
            note="The paper has 25 models; its counts are not repeated here.",
            sql="""SELECT model, count(*) AS conversations, count(*) / sum(count(*)) OVER () AS share
FROM conversations WHERE kept IS NOT FALSE AND model IS NOT NULL
GROUP BY model ORDER BY conversations DESC, model LIMIT 25""",
            draw=lambda rows: bars(rows, "model", "conversations", unit="conversations"),
        ),
        Figure(
            name="paper-figure-2",
            title="Figure 2: conversations by language",
            note="The 15 most frequent, and the place that the paper's five most frequent have there.",
            sql=_LANGUAGES,
            draw=lambda rows: bars(rows, "language", "conversations", unit="conversations"),
        ),
        Figure(
            name="paper-figure-3",
            title="Figure 3: topics of prompts of 32 to 1,536 characters",
            note="The paper draws 20 k-means clusters of sampled prompts; here are the 20 largest topics of the run.",
            sql=_TOPICS,
            draw=lambda rows: bars(
                rows, "topic", "share", unit="of prompts", share=True, detail=lambda row: row["keywords"] or ""
            ),
        ),
        Figure(
            name="paper-table-2",
            title="Table 2: flagged conversations by category",
            note="A conversation counts where a message of it is flagged; it may count in several categories.",
            sql=_table_2(),
            draw=lambda rows: bars(rows, "category", "flagged", unit="conversations", tone="loss"),
        ),
        Figure(
            name="paper-table-4",
            title="Table 4: jailbreak attempts and successes by model",
            note="An attempt: a user's message is flagged. A success: an answer after it is flagged too. The order, "
            "and that what failed to be judged is undetermined and no part of the rate, are ours. Whiskers are 95% "
            "intervals.",
            sql=_TABLE_4,
            draw=lambda rows: bars(
                rows,
                "model",
                "success_rate",
                unit="of attempts",
                tone="loss",
                share=True,
                detail=lambda row: f"{row['successes']} of {row['attempts']} attempts",
                interval=True,
            ),
        ),
    ),
    note="The paper’s tables and figures from this run, under the paper’s definitions (arXiv 2309.11998). Values of "
    "the paper that could not be confirmed are left out.",
)
