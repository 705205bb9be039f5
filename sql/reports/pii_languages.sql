-- In which languages was personal data replaced most?
-- Columns: language, conversations, redacted, share, spans (in the redacted ones, mean).
SELECT language,
       count(*) AS conversations,
       count(*) FILTER (redacted) AS redacted,
       round(count(*) FILTER (redacted) / count(*), 4) AS share,
       round(avg(len(replaced)) FILTER (redacted), 2) AS spans
FROM summary
WHERE kept IS NOT FALSE AND redacted IS NOT NULL
GROUP BY language
ORDER BY conversations DESC, language;
