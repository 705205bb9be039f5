-- How much was said in each month?
-- Columns: month, conversations, users, models, languages.
-- Also on a release.
SELECT month,
       count(*) AS conversations,
       nullif(count(DISTINCT user_key), 0) AS users,
       count(DISTINCT model) AS models,
       count(DISTINCT language) AS languages
FROM summary
WHERE kept IS NOT FALSE
GROUP BY month
ORDER BY month;
