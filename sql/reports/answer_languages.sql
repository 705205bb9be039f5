-- How often is a question answered in another language than it was asked in?
-- Columns: language, conversations (with both languages told), answered_otherwise, share.
SELECT language,
       count(*) AS conversations,
       count(*) FILTER (answer_language <> language) AS answered_otherwise,
       round(count(*) FILTER (answer_language <> language) / count(*), 4) AS share
FROM summary
WHERE kept IS NOT FALSE AND language <> 'unknown' AND answer_language <> 'unknown'
GROUP BY language
ORDER BY conversations DESC, language;
