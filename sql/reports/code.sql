-- How many conversations hold code, by language?
-- Columns: language, conversations (with an answer), with_code (an answer holds a fenced block), share.
-- Also on a release.
SELECT language,
       count(*) AS conversations,
       count(*) FILTER (code) AS with_code,
       round(count(*) FILTER (code) / count(*), 4) AS share
FROM summary
WHERE kept IS NOT FALSE AND answers > 0
GROUP BY language
ORDER BY conversations DESC, language;
