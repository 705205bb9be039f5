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
-- the topics that enough users of released rows asked about; no other is named.
SELECT conversation_id,
       coalesce(model, 'unknown') AS model,
       list_transform(talk, lambda t: {'content': t.message.content, 'role': t.message.role}) AS conversation,
       len(list_filter(talk, lambda t: t.message.role = 'user')) AS turn,
       coalesce(language, 'unknown') AS language,
       list_transform(talk, lambda t: {'categories': t.judgment.categories, 'category_scores': t.judgment.category_scores, 'flagged': t.judgment.flagged}) AS openai_moderation,
       coalesce(redacted, false) AS redacted,
       flagged,
       moderation_status,
       list_transform(list_filter([
         {'name': 'harassment', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."harassment"))},
         {'name': 'harassment/threatening', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."harassment/threatening"))},
         {'name': 'hate', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."hate"))},
         {'name': 'hate/threatening', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."hate/threatening"))},
         {'name': 'self-harm', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."self-harm"))},
         {'name': 'self-harm/instructions', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."self-harm/instructions"))},
         {'name': 'self-harm/intent', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."self-harm/intent"))},
         {'name': 'sexual', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."sexual"))},
         {'name': 'sexual/minors', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."sexual/minors"))},
         {'name': 'violence', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."violence"))},
         {'name': 'violence/graphic', 'hit': list_bool_or(list_transform(talk, lambda t: t.judgment.categories."violence/graphic"))}
       ], lambda c: c.hit), lambda c: c.name) AS flagged_categories,
       language_code,
       topic,
       cluster_size AS told_times,
       prompt_cluster_size AS prompt_told_times,
       feedback, battle_id, battle_side, winner,
       strftime(created_at, '%Y-%m') AS month
FROM (
  SELECT released.*, CASE WHEN topic_id IN (FROM told_topics) THEN topics.label END AS topic,
         list_filter(list_transform(messages, lambda m, i: {'message': m, 'judgment': moderation[i]}), lambda t: t.message.role IN ('user', 'assistant') AND t.message.content IS NOT NULL) AS talk
  FROM released LEFT JOIN topics USING (topic_id)
)
ORDER BY row_id;
