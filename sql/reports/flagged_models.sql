-- Of which models are conversations flagged most?
-- Columns: model, judged (conversations), flagged, share.
-- Also on a release.
SELECT coalesce(model, 'unknown') AS model,
       count(*) AS judged,
       count(*) FILTER (flagged) AS flagged,
       round(count(*) FILTER (flagged) / count(*), 4) AS share
FROM summary
WHERE kept IS NOT FALSE AND moderation_status = 'ok'
GROUP BY coalesce(model, 'unknown')
ORDER BY share DESC, judged DESC, model;
