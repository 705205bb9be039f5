"""The names of topics as the report may tell them: none of a topic that too few users asked about."""

from __future__ import annotations

from typing import Final

NAMED: Final = """named AS (
  -- Conversations and users of each topic, and of the theme it is in. One without a user key counts as a user.
  WITH told AS (
    SELECT topic_id, coalesce(user_key, row_id::VARCHAR) AS who
    FROM conversations WHERE topic_id IS NOT NULL AND kept IS NOT FALSE
  ), sized AS (
    SELECT topic_id, count(*) AS conversations, count(DISTINCT who) AS users FROM told GROUP BY topic_id
    UNION ALL
    SELECT topics.parent, count(*), count(DISTINCT who) FROM told JOIN topics USING (topic_id)
    WHERE topics.parent IS NOT NULL GROUP BY topics.parent
  )
  SELECT sized.topic_id, topics.parent, conversations, users,
         CASE WHEN sized.topic_id < 0 THEN 'none'
              WHEN users >= $min_users AND topics.label IS NOT NULL THEN topics.label
              ELSE 'topic ' || sized.topic_id END AS topic,
         CASE WHEN users >= $min_users THEN array_to_string(topics.keywords, ', ') END AS keywords,
         CASE WHEN users >= $min_users THEN topics.medoids END AS medoids
  FROM sized LEFT JOIN topics USING (topic_id)
)"""
"""A common table expression: topic_id, parent, conversations, users, topic (its name), keywords, medoids."""

USER_TURNS: Final = "list_filter(messages, lambda m: m.role = 'user')"
"""The turns of the user, in order."""

FIRST_QUESTION: Final = f"""left(regexp_replace({USER_TURNS}[1].content,
                            '\\s+', ' ', 'g'), 240)"""
"""The beginning of the user's first turn, on one line. `messages` is redacted where `redacted` is not null."""

ASKED_BY_MANY: Final = f"CASE WHEN users >= $min_users AND redacted IS NOT NULL THEN {FIRST_QUESTION} END AS question"
"""The column of that beginning, where enough users asked it."""
