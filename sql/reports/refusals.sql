-- How often does each model refuse?
-- Columns: model, conversations (with an answer), refusing (an answer opens with a refusal in English), share.
-- Also on a release.
SELECT coalesce(model, 'unknown') AS model,
       count(*) AS conversations,
       count(*) FILTER (refusal) AS refusing,
       round(count(*) FILTER (refusal) / count(*), 4) AS share
FROM summary
WHERE kept IS NOT FALSE AND answers > 0
GROUP BY coalesce(model, 'unknown')
ORDER BY share DESC, conversations DESC, model;
