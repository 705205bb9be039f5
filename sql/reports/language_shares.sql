-- What share has each language, all of them?
-- Columns: language, conversations, share (of the kept conversations), users.
-- Also on a release.
SELECT language,
       count(*) AS conversations,
       round(count(*) / sum(count(*)) OVER (), 4) AS share,
       nullif(count(DISTINCT user_key), 0) AS users
FROM summary
WHERE kept IS NOT FALSE
GROUP BY language
ORDER BY conversations DESC, language;
