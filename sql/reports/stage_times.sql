-- How long did each stage work, and how fast?
-- Columns: stage, shards (finished), rows, seconds, rows_a_second, megabytes (on disk), share (of all seconds).
SELECT stage,
       count(*) FILTER (done) AS shards,
       coalesce(sum("rows"), 0)::BIGINT AS "rows",
       round(coalesce(sum(seconds), 0), 2) AS seconds,
       round(sum("rows") / nullif(sum(seconds), 0), 0) AS rows_a_second,
       round(coalesce(sum(bytes), 0) / 1e6, 2) AS megabytes,
       round(coalesce(sum(seconds), 0) / nullif(sum(sum(seconds)) OVER (), 0), 4) AS share
FROM stages
GROUP BY stage
ORDER BY seconds DESC, stage;
