-- How much of what moderation was asked for failed?
-- Columns: model, conversations (judged or failed), failed, share, messages (judged or failed), failed_messages.
SELECT coalesce(model, 'unknown') AS model,
       count(*) AS conversations,
       count(*) FILTER (moderation_status = 'error') AS failed,
       round(count(*) FILTER (moderation_status = 'error') / count(*), 4) AS share,
       sum(judged_messages + failed_messages)::BIGINT AS messages,
       sum(failed_messages)::BIGINT AS failed_messages
FROM summary
WHERE kept IS NOT FALSE AND moderation_status IN ('ok', 'error')
GROUP BY coalesce(model, 'unknown')
ORDER BY share DESC, conversations DESC, model;
