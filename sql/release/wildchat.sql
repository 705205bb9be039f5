-- wildchat: which conversations are released in the format of allenai/WildChat-1M, and what of them.
--
-- decide: one row a conversation of the run; reason is null for a released one. The first reason that holds is told.
--
-- [release.parameters]: keep_toxic (true); WildChat-1M leaves flagged conversations to a version of its own.
SELECT row_id,
       CASE
         WHEN NOT kept THEN 'duplicate: ' || duplicate_kind
         WHEN messages IS NULL THEN 'not redacted'
         WHEN moderation_status = 'error' THEN 'moderation failed'
         WHEN flagged AND NOT coalesce(getvariable('keep_toxic'), true) THEN 'toxic'
         WHEN len(list_filter(messages, lambda m: m.role = 'user' AND m.content <> '')) = 0 THEN 'no user turn'
         WHEN len(list_filter(messages, lambda m: m.role = 'assistant' AND m.content <> '')) = 0 THEN 'no answer'
         WHEN truncated AND len(list_filter(messages, lambda m: m.role = 'assistant' AND m.content <> '')) < 2 THEN 'only answer is cut or an error'
       END AS reason
FROM conversations;

-- publish: over `released`. The first fourteen columns are exactly those of WildChat-1M. What tells of a user is null
-- unless it is asked for: hashed_ip (users), country and state (places). header and turn_identifier are always null: a
-- browser's headers and a server's numbers of turns single people out. detoxify_moderation is the log's own where it
-- has one for each message. `language_names` (code, name) has every language that the stage `language` knows.
--
-- [release.parameters]: users (false) is whether hashed_ip holds a hash of the user's keyed hash, the same one in each
-- of their conversations; places (false) whether country and state are the log's own; time ('hour') is what timestamps
-- are cut to (second, minute, hour, day, month, none).
WITH names AS (SELECT map_from_entries(list({'key': code, 'value': name})) AS of_code FROM language_names),
talks AS (
  SELECT released.*, CASE WHEN topic_id IN (FROM told_topics) THEN topics.label END AS topic, only_dialogue(messages, moderation) AS talk,
         list_transform(list_filter(pii, lambda s: s.placeholder IS NOT NULL), lambda s: s.message + 1) AS replaced,
         TRY(from_json(meta->'$.detoxify_moderation', '[{"identity_attack": "DOUBLE", "insult": "DOUBLE", "obscene": "DOUBLE", "severe_toxicity": "DOUBLE", "sexual_explicit": "DOUBLE", "threat": "DOUBLE", "toxicity": "DOUBLE"}]')) AS detoxify,
         coalesce(getvariable('time'), 'hour') AS unit,
         CASE WHEN coalesce(getvariable('users'), false) THEN sha256('user:' || user_key) END AS hashed_user,
         CASE WHEN coalesce(getvariable('places'), false) THEN meta->>'$.country' END AS told_country,
         CASE WHEN coalesce(getvariable('places'), false) THEN meta->>'$.state' END AS told_state
  FROM released LEFT JOIN topics USING (topic_id)
),
flattened AS (
  SELECT *, list_transform(talk, lambda t: t.judgment) AS judgments, flat_scores(list_transform(talk, lambda t: t.judgment)) AS flat
  FROM talks, names
)
SELECT conversation_id AS conversation_hash,
       coalesce(model, 'unknown') AS model,
       cut_to(coalesce(list_max(list_transform(messages, lambda m: m.created_at)), created_at), unit) AS "timestamp",
       list_transform(talk, lambda t: {
         'content': t.message.content,
         'country': CASE WHEN t.message.role = 'user' THEN told_country END,
         'hashed_ip': CASE WHEN t.message.role = 'user' THEN hashed_user END,
         'header': NULL::STRUCT("accept-language" VARCHAR, "user-agent" VARCHAR),
         'language': coalesce(of_code[split_part(message_languages[t.place], '-', 1)], message_languages[t.place]),
         'redacted': coalesce(list_contains(replaced, t.place), false),
         'role': t.message.role,
         'state': CASE WHEN t.message.role = 'user' THEN told_state END,
         'timestamp': cut_to(t.message.created_at, unit),
         'toxic': t.judgment.flagged,
         'turn_identifier': NULL::BIGINT
       }) AS conversation,
       len(list_filter(talk, lambda t: t.message.role = 'user')) AS turn,
       coalesce(language, 'unknown') AS language,
       list_transform(talk, lambda t: {'categories': spelled(t.judgment.categories), 'category_scores': spelled(t.judgment.category_scores), 'flagged': t.judgment.flagged}) AS openai_moderation,
       CASE WHEN len(detoxify) = len(messages) THEN list_transform(talk, lambda t: detoxify[t.place]) END AS detoxify_moderation,
       flagged AS toxic,
       coalesce(redacted, false) AS redacted,
       told_state AS state,
       told_country AS country,
       hashed_user AS hashed_ip,
       NULL::STRUCT("accept-language" VARCHAR, "user-agent" VARCHAR) AS header,
       flagged,
       moderation_status,
       flagged_categories(judgments) AS flagged_categories,
       flat.*,
       language_code,
       topic,
       cluster_size AS told_times,
       prompt_cluster_size AS prompt_told_times,
       strftime(created_at, '%Y-%m') AS month
FROM flattened
ORDER BY row_id;
