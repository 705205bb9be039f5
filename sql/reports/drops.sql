-- Why are conversations left out of the release?
-- Columns: reason ("released" for what stays), conversations, share (of all rows).
SELECT coalesce(reason, 'released') AS reason,
       count(*) AS conversations,
       round(count(*) / sum(count(*)) OVER (), 4) AS share
FROM decisions
GROUP BY coalesce(reason, 'released')
ORDER BY conversations DESC, reason;
