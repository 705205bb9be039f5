-- How unequal are users: how many come once, and how much do the busiest say?
-- Columns: conversations_each, users, conversations, share (of the conversations whose user is known).
WITH each AS (
  SELECT count(*) AS n FROM summary WHERE kept IS NOT FALSE AND user_key IS NOT NULL GROUP BY user_key
), told AS (
  SELECT n, CASE WHEN n = 1 THEN 1 WHEN n <= 5 THEN 2 WHEN n <= 20 THEN 3 WHEN n <= 100 THEN 4 ELSE 5 END AS place FROM each
)
SELECT ['1', '2 to 5', '6 to 20', '21 to 100', 'more than 100'][place] AS conversations_each,
       count(*) AS users,
       sum(n)::BIGINT AS conversations,
       round(sum(n) / sum(sum(n)) OVER (), 4) AS share
FROM told
GROUP BY place
ORDER BY place;
