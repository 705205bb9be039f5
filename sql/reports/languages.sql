-- Which languages are spoken most, and how much of each is flagged?
-- Columns: language, conversations, turns (user turns a conversation, mean), flagged (conversations).
-- Also on a release.
SELECT language,
       count(*) AS conversations,
       round(avg(turns), 1) AS turns,
       count(*) FILTER (flagged) AS flagged
FROM summary
WHERE kept IS NOT FALSE
GROUP BY language
ORDER BY conversations DESC, language
LIMIT 10;
