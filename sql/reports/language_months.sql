-- How does the mix of languages change from month to month?
-- Columns: month, language (the five most frequent of all, the rest are "others"), conversations, share (of the month).
-- Also on a release.
WITH c AS (SELECT month, coalesce(language, 'unknown') AS language FROM summary WHERE kept IS NOT FALSE AND month IS NOT NULL),
frequent AS (SELECT language FROM c GROUP BY language ORDER BY count(*) DESC, language LIMIT 5),
told AS (SELECT month, CASE WHEN language IN (FROM frequent) THEN language ELSE 'others' END AS language FROM c)
SELECT month,
       language,
       count(*) AS conversations,
       round(count(*) / sum(count(*)) OVER (PARTITION BY month), 4) AS share
FROM told
GROUP BY month, language
ORDER BY month, conversations DESC, language;
