-- How often is the last answer of a model missing, cut or an error?
-- Columns: model, conversations, truncated, share.
SELECT coalesce(model, 'unknown') AS model,
       count(*) AS conversations,
       count(*) FILTER (truncated) AS truncated,
       round(count(*) FILTER (truncated) / count(*), 4) AS share
FROM summary
WHERE kept IS NOT FALSE
GROUP BY coalesce(model, 'unknown')
ORDER BY share DESC, conversations DESC, model;
