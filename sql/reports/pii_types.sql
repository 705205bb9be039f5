-- What personal data was replaced, and who wrote it?
-- Columns: type, spans, conversations, by_user (spans in user turns).
SELECT pii.type,
       count(*) AS spans,
       count(DISTINCT pii.row_id) AS conversations,
       count(*) FILTER (messages.role = 'user') AS by_user
FROM pii
LEFT JOIN messages ON messages.row_id = pii.row_id AND messages.position = pii.message
WHERE pii.placeholder IS NOT NULL
GROUP BY pii.type
ORDER BY spans DESC, pii.type;
