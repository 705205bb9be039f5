-- Which kinds of harm are flagged, and how often? Table 2 of the LMSYS-Chat-1M paper, in OpenAI's categories.
-- Columns: category, conversations, share (of the judged conversations).
-- Also on a release.
WITH c AS (SELECT flagged_categories FROM summary WHERE kept IS NOT FALSE AND moderation_status = 'ok'),
found AS (SELECT unnest(flagged_categories) AS category FROM c)
SELECT category,
       count(*) AS conversations,
       round(count(*) / (SELECT count(*) FROM c), 4) AS share
FROM found
GROUP BY category
ORDER BY conversations DESC, category;
