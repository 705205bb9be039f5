-- lmsys_chat: which conversations are released in the format of lmsys/lmsys-chat-1m, and what of them.
--
-- decide: one row a conversation of the run; reason is null for a released one. The first reason that
-- holds is told. Moderation does not drop here, as in the original: the flags are published instead.
SELECT row_id,
       CASE
         WHEN NOT kept THEN 'duplicate: ' || duplicate_kind
         WHEN messages IS NULL THEN 'not redacted'
         WHEN moderation_status = 'error' THEN 'moderation failed'
         WHEN len(list_filter(messages, lambda m: m.role = 'user' AND m.content <> '')) = 0 THEN 'no user turn'
         WHEN len(list_filter(messages, lambda m: m.role = 'assistant' AND m.content <> '')) = 0 THEN 'no answer'
         WHEN truncated AND len(list_filter(messages, lambda m: m.role = 'assistant' AND m.content <> '')) < 2 THEN 'only answer is cut or an error'
       END AS reason
FROM conversations;

-- publish: over `released`, the conversations that decide kept. The first seven columns are exactly those
-- of lmsys-chat-1m; the flat ones beside them serve viewers that cannot open nested columns. Roles other
-- than user and assistant (tools, later system prompts) are left out, with their judgments. `told_topics` holds
-- the topics that enough users of released rows asked about; no other is named. What the macros do stands in
-- macros.sql.
SELECT conversation_id,
       coalesce(model, 'unknown') AS model,
       list_transform(talk, lambda t: {'content': t.message.content, 'role': t.message.role}) AS conversation,
       len(list_filter(talk, lambda t: t.message.role = 'user')) AS turn,
       coalesce(language, 'unknown') AS language,
       list_transform(talk, lambda t: {'categories': t.judgment.categories, 'category_scores': t.judgment.category_scores, 'flagged': t.judgment.flagged}) AS openai_moderation,
       coalesce(redacted, false) AS redacted,
       flagged,
       moderation_status,
       flagged_categories(judgments) AS flagged_categories,
       flat.*,
       language_code,
       topic,
       cluster_size AS told_times,
       prompt_cluster_size AS prompt_told_times,
       feedback, battle_id, battle_side, winner,
       strftime(created_at, '%Y-%m') AS month
FROM (
  SELECT *, list_transform(talk, lambda t: t.judgment) AS judgments, flat_scores(list_transform(talk, lambda t: t.judgment)) AS flat
  FROM (
    SELECT released.*, CASE WHEN topic_id IN (FROM told_topics) THEN topics.label END AS topic, only_dialogue(messages, moderation) AS talk
    FROM released LEFT JOIN topics USING (topic_id)
  )
)
ORDER BY row_id;
