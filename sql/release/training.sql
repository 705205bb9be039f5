-- training: which conversations are released for training, as `messages`, and what of them.
--
-- decide: one row a conversation of the run; reason is null for a released one. The first reason that holds is told.
-- A conversation is cut after its last whole answer; what is left has to be questions and answers by turns.
--
-- [release.parameters]:
--   selection ('all'): 'high_quality' and 'upvote' are the two selections of arXiv 2309.11998, section 4.3. The first
--     is conversations with models of OpenAI and Anthropic. The second is conversations with other models that a
--     user voted for: an upvote, or a battle won; also where that is told by another logging of the same conversation.
--   providers: regular expression of the names, in lower case, of models of OpenAI and Anthropic.
--   keep_flagged (false): whether conversations with a flagged message are kept.
--   system (true): whether the system prompt is the first message.
WITH voted AS (
  SELECT DISTINCT CASE WHEN kept THEN row_id WHEN duplicate_kind IN ('snapshot', 'exact') THEN duplicate_of END AS row_id
  FROM conversations WHERE feedback = 'upvote' OR winner = 'model_' || battle_side
),
cut AS (
  SELECT c.*, v.row_id IS NOT NULL AS upvoted,
         regexp_matches(lower(coalesce(model, '')), coalesce(getvariable('providers'), '^(openai/|anthropic/)?(gpt-|chatgpt|text-davinci|o[0-9]|claude)')) AS provided,
         list_max(list_transform(messages, lambda m, i: CASE WHEN m.role = 'assistant' AND m.content <> '' AND NOT (truncated AND i = len(messages)) THEN i END)) AS last
  FROM conversations AS c LEFT JOIN voted AS v ON v.row_id = c.row_id
)
SELECT row_id,
       CASE
         WHEN NOT kept THEN 'duplicate: ' || duplicate_kind
         WHEN semantic_duplicate_of IS NOT NULL THEN 'duplicate: semantic'
         WHEN messages IS NULL THEN 'not redacted'
         WHEN moderation_status = 'error' THEN 'moderation failed'
         WHEN flagged AND NOT coalesce(getvariable('keep_flagged'), false) THEN 'flagged'
         WHEN contaminated THEN 'holds a benchmark item'
         WHEN coalesce(getvariable('selection'), 'all') = 'high_quality' AND NOT provided THEN 'other model than OpenAI''s and Anthropic''s'
         WHEN coalesce(getvariable('selection'), 'all') = 'upvote' AND provided THEN 'model of OpenAI or Anthropic'
         WHEN coalesce(getvariable('selection'), 'all') = 'upvote' AND NOT upvoted THEN 'not upvoted'
         WHEN last IS NULL THEN 'no whole answer'
         WHEN last % 2 = 1 OR len(list_filter(messages[1:last], lambda m, i: coalesce(m.content, '') = '' OR m.role <> CASE WHEN i % 2 = 1 THEN 'user' ELSE 'assistant' END)) > 0 THEN 'not question and answer by turns'
       END AS reason
FROM cut;

-- publish: over `released`. `id` and `messages` are what trainers ask for; the columns after them are for choosing.
SELECT conversation_id AS id,
       list_concat(
         CASE WHEN coalesce(system, '') <> '' AND coalesce(getvariable('system'), true) THEN [{'role': 'system', 'content': system}] ELSE [] END,
         list_transform(messages[1:last], lambda m: {'role': m.role, 'content': m.content})
       ) AS messages,
       coalesce(model, 'unknown') AS model,
       coalesce(language, 'unknown') AS language,
       last // 2 AS turn,
       list_sum(list_transform(messages[1:last], lambda m: len(m.content)))::BIGINT AS characters,
       language_code,
       CASE WHEN topic_id IN (FROM told_topics) THEN topics.label END AS topic,
       cluster_size AS told_times,
       prompt_cluster_size AS prompt_told_times,
       flagged,
       moderation_status,
       redacted,
       feedback,
       strftime(created_at, '%Y-%m') AS month
FROM (
  SELECT *, list_max(list_transform(messages, lambda m, i: CASE WHEN m.role = 'assistant' AND m.content <> '' AND NOT (truncated AND i = len(messages)) THEN i END)) AS last
  FROM released
) LEFT JOIN topics USING (topic_id)
ORDER BY row_id;
