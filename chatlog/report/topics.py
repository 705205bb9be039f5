"""Figures about topics: the themes they are in, and prompts that stand for them."""

from __future__ import annotations

from typing import Final

from chatlog.report.charts import treemap
from chatlog.report.figures import Figure, Section
from chatlog.report.named import FIRST_QUESTION, NAMED

TOPIC_NAMES: Final = f"""WITH {NAMED}
SELECT topic_id, parent, topic, conversations, users, keywords
FROM named ORDER BY conversations DESC, topic_id"""
"""Every topic and theme, largest first; what the map and the tables name them by."""

TOPICS: Final = Section(
    "topics",
    "Topics",
    (
        Figure(
            name="topic-tree",
            title="Topics, in the themes they belong to",
            note="An area is as large as its number of conversations. Topics of fewer than $min_users users have a "
            "number in place of a name.",
            sql=f"""WITH {NAMED}
SELECT CASE WHEN theme.topic_id IS NOT NULL THEN theme.topic ELSE '–' END AS theme, named.topic, named.conversations,
       named.conversations / sum(named.conversations) OVER () AS share, named.users, named.keywords,
       named.topic_id, named.parent
FROM named LEFT JOIN named AS theme ON theme.topic_id = named.parent
WHERE named.topic_id NOT IN (SELECT parent FROM topics WHERE parent IS NOT NULL)
ORDER BY coalesce(theme.conversations, named.conversations) DESC, coalesce(theme.topic_id, named.topic_id),
         named.conversations DESC, named.topic_id
LIMIT 600""",
            draw=treemap,
        ),
        Figure(
            name="topic-prompts",
            title="Prompts that stand for a topic",
            note="The redacted questions nearest to the middle of each topic. None of a topic of fewer than "
            "$min_users users, and none at all where the run does not redact.",
            sql=f"""WITH {NAMED}
SELECT topic, size AS conversations, users, {FIRST_QUESTION} AS prompt
FROM (SELECT topic_id, topic, conversations AS size, users, unnest(medoids[1:3]) AS row_id
      FROM (FROM named WHERE medoids IS NOT NULL ORDER BY conversations DESC, topic_id LIMIT 60))
JOIN conversations USING (row_id)
WHERE redacted IS NOT NULL AND kept IS NOT FALSE
ORDER BY size DESC, topic, row_id""",
        ),
    ),
)
