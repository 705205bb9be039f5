-- Which languages are spoken most, and how much of each is flagged?
-- Columns: language, conversations, turns (user turns a conversation, mean), flagged (conversations).
SELECT language,
       count(*) AS conversations,
       round(avg(len(list_filter(messages, lambda m: m.role = 'user'))), 1) AS turns,
       count(*) FILTER (flagged) AS flagged
FROM conversations
WHERE kept
GROUP BY language
ORDER BY conversations DESC, language
LIMIT 10;
