-- What became of each log file?
-- Columns: file, reader, records, rejects, rows, kept, seconds (of ingest).
WITH files AS (
  SELECT file, any_value(reader) AS reader, sum(records)::BIGINT AS records, sum(rejects)::BIGINT AS rejects, sum(seconds) AS seconds
  FROM stages WHERE stage = 'ingest' AND done GROUP BY file
), made AS (
  SELECT source AS file, count(*) AS "rows", count(*) FILTER (kept IS NOT FALSE) AS kept FROM summary GROUP BY source
)
SELECT file, reader, records, rejects, coalesce("rows", 0) AS "rows", coalesce(kept, 0) AS kept, round(seconds, 2) AS seconds
FROM files LEFT JOIN made USING (file)
ORDER BY file;
