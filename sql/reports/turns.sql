-- How many turns has a conversation?
-- Columns: turns (of the user; "10 or more" at the end), conversations, share, at_most (share with as many or fewer).
-- Also on a release.
WITH told AS (SELECT least(turns, 10) AS n FROM summary WHERE kept IS NOT FALSE AND turns IS NOT NULL)
SELECT CASE WHEN n = 10 THEN '10 or more' ELSE n::VARCHAR END AS turns,
       count(*) AS conversations,
       round(count(*) / sum(count(*)) OVER (), 4) AS share,
       round(sum(count(*)) OVER (ORDER BY n) / sum(count(*)) OVER (), 4) AS at_most
FROM told
GROUP BY n
ORDER BY n;
