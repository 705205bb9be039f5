-- What do people say of each model's answers?
-- Columns: model, conversations, upvotes, downvotes, others (flags, and other words of the source), liked (share of votes).
-- Also on a release.
-- A vote is a record of its own in many logs, and then a snapshot of the conversation: snapshots with a vote count here.
SELECT coalesce(model, 'unknown') AS model,
       count(*) AS conversations,
       count(*) FILTER (feedback = 'upvote') AS upvotes,
       count(*) FILTER (feedback = 'downvote') AS downvotes,
       count(*) FILTER (feedback NOT IN ('upvote', 'downvote')) AS others,
       round(count(*) FILTER (feedback = 'upvote') / nullif(count(*) FILTER (feedback IN ('upvote', 'downvote')), 0), 4) AS liked
FROM summary
WHERE kept IS NOT FALSE OR (duplicate_kind = 'snapshot' AND feedback IS NOT NULL)
GROUP BY coalesce(model, 'unknown')
ORDER BY upvotes + downvotes DESC, conversations DESC, model;
