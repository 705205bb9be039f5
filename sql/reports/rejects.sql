-- Of which records could no row be made, and why?
-- Columns: source, reason, records, share (of all rejects).
SELECT source,
       reason,
       count(*) AS records,
       round(count(*) / sum(count(*)) OVER (), 4) AS share
FROM rejects
GROUP BY source, reason
ORDER BY records DESC, source, reason;
