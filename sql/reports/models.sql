-- Which models answer, how often, and how long do people talk to each?
-- Columns: model, conversations, share (of the kept conversations), turns (mean), users.
-- Also on a release.
SELECT coalesce(model, 'unknown') AS model,
       count(*) AS conversations,
       round(count(*) / sum(count(*)) OVER (), 4) AS share,
       round(avg(turns), 2) AS turns,
       nullif(count(DISTINCT user_key), 0) AS users
FROM summary
WHERE kept IS NOT FALSE
GROUP BY coalesce(model, 'unknown')
ORDER BY conversations DESC, model;
