-- How many rows of each file are told again elsewhere, and how?
-- Columns: source, rows, snapshots, exact, near, contained, kept.
SELECT source,
       count(*) AS "rows",
       count(*) FILTER (duplicate_kind = 'snapshot') AS snapshots,
       count(*) FILTER (duplicate_kind = 'exact') AS exact,
       count(*) FILTER (duplicate_kind = 'near') AS near,
       count(*) FILTER (duplicate_kind = 'contained') AS contained,
       count(*) FILTER (kept) AS kept
FROM summary
GROUP BY source
ORDER BY source;
