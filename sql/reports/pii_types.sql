-- What personal data was replaced, and who wrote it?
-- Columns: type, spans, conversations, by_user (spans in user turns).
WITH found AS (SELECT row_id, unnest(replaced) AS span FROM summary)
SELECT span."type" AS "type",
       count(*) AS spans,
       count(DISTINCT row_id) AS conversations,
       count(*) FILTER (span.role = 'user') AS by_user
FROM found
GROUP BY span."type"
ORDER BY spans DESC, "type";
