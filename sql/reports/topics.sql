-- What do people ask about, and how much of it is flagged?
-- Columns: topic ("of too few users" where it has no name, "none" for what is like no topic), topics, conversations, share, flagged.
-- Also on a release.
SELECT CASE WHEN topic_id < 0 OR topic_id IS NULL THEN 'none' ELSE coalesce(label, 'of too few users') END AS topic,
       count(DISTINCT topic_id) AS topics,
       count(*) AS conversations,
       round(count(*) / sum(count(*)) OVER (), 4) AS share,
       count(*) FILTER (flagged) AS flagged
FROM summary
LEFT JOIN topics USING (topic_id)
WHERE kept IS NOT FALSE
GROUP BY topic
ORDER BY conversations DESC, topic;
