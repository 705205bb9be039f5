-- arena: which battles are released in the format of lmsys/chatbot_arena_conversations, and what of them.
--
-- decide: one row a conversation of the run; reason is null for a released one. A battle is two conversations, and
-- both are released or neither: a side is dropped for a reason of its own, or else for its other side's. A server logs
-- a battle's conversations once more without the vote, and `dedup` keeps one telling; where that is the one without,
-- the vote's telling is released all the same, with the kept one's text (told_by) if that begins with the same turns.
-- Needs the stages fingerprint, dedup and redact.
WITH sides AS (
  SELECT c.row_id, c.battle_id, c.battle_side, c.winner, c.truncated, c.duplicate_kind, len(f.turn_hashes) AS turns,
         CASE
           WHEN c.kept THEN c.row_id
           WHEN k.battle_id IS NULL AND kf.turn_hashes[1:len(f.turn_hashes)] = f.turn_hashes THEN c.duplicate_of
         END AS told_by
  FROM conversations AS c
  LEFT JOIN stage_fingerprint AS f ON f.row_id = c.row_id
  LEFT JOIN conversations AS k ON k.row_id = c.duplicate_of
  LEFT JOIN stage_fingerprint AS kf ON kf.row_id = c.duplicate_of
),
alone AS (
  SELECT s.row_id, s.battle_id, s.battle_side, s.told_by,
         CASE
           WHEN s.battle_id IS NULL OR s.battle_side IS NULL THEN 'no battle'
           WHEN s.winner IS NULL THEN 'no vote'
           WHEN s.told_by IS NULL OR row_number() OVER (PARTITION BY s.told_by, s.battle_side ORDER BY s.turns DESC, s.row_id) > 1 THEN 'duplicate: ' || s.duplicate_kind
           WHEN t.messages IS NULL THEN 'not redacted'
           WHEN t.moderation_status = 'error' THEN 'moderation failed'
           WHEN len(list_filter(t.messages[1:s.turns], lambda m: m.role = 'user' AND m.content <> '')) = 0 THEN 'no user turn'
           WHEN len(list_filter(t.messages[1:s.turns], lambda m: m.role = 'assistant' AND m.content <> '')) = 0 THEN 'no answer'
           WHEN s.truncated AND len(list_filter(t.messages[1:s.turns], lambda m: m.role = 'assistant' AND m.content <> '')) < 2 THEN 'only answer is cut or an error'
         END AS reason
  FROM sides AS s LEFT JOIN conversations AS t ON t.row_id = s.told_by
),
once AS (
  SELECT row_id, battle_id, battle_side, told_by,
         CASE WHEN reason IS NULL AND row_number() OVER (PARTITION BY battle_id, battle_side, reason IS NULL ORDER BY row_id) > 1 THEN 'duplicate: battle' ELSE reason END AS reason
  FROM alone
),
battles AS (
  SELECT battle_id, bool_or(reason IS NULL AND battle_side = 'a') AS a, bool_or(reason IS NULL AND battle_side = 'b') AS b,
         min(reason) FILTER (battle_side = 'a') AS reason_a, min(reason) FILTER (battle_side = 'b') AS reason_b
  FROM once WHERE battle_id IS NOT NULL GROUP BY battle_id
)
SELECT o.row_id, o.told_by,
       CASE
         WHEN o.reason IS NOT NULL THEN o.reason
         WHEN o.battle_side = 'a' AND NOT b.b THEN coalesce('other side: ' || b.reason_b, 'other side is missing')
         WHEN o.battle_side = 'b' AND NOT b.a THEN coalesce('other side: ' || b.reason_a, 'other side is missing')
       END AS reason
FROM once AS o LEFT JOIN battles AS b ON b.battle_id = o.battle_id;

-- publish: over `released` and `told` (told_for: the row of `released` whose text it is), one row a battle. The first
-- thirteen columns are exactly those of chatbot_arena_conversations; the flat ones serve viewers that cannot open nested
-- columns. openai_moderation is one judgment for the battle: a category is true, and its score the highest, for any
-- message of either side. anony, toxic_chat_tag and question_id are the log's own, where it has them.
--
-- [release.parameters]: judges (true) is whether `judge` names voters, by a hash of their keyed hash; time ('hour') is
-- what tstamp is cut to (second, minute, hour, day, month, none).
WITH sides AS (
  SELECT r.row_id, r.battle_id, r.battle_side, r.model, r.winner, r.user_key, r.created_at, r.meta,
         t.redacted, t.language, t.language_code, t.prompt_cluster_size, t.topic_id,
         only_dialogue(CASE WHEN t.row_id = r.row_id THEN t.messages ELSE t.messages[1:len(f.turn_hashes)] END, t.moderation) AS talk
  FROM released AS r JOIN told AS t ON t.told_for = r.row_id LEFT JOIN stage_fingerprint AS f ON f.row_id = r.row_id
),
battles AS (
  SELECT a.*, b.talk AS talk_b, b.model AS model_b, b.redacted AS redacted_b,
         list_filter(list_concat(list_transform(a.talk, lambda t: t.judgment), list_transform(b.talk, lambda t: t.judgment)), lambda j: j.status = 'ok') AS judgments
  FROM sides AS a JOIN sides AS b ON a.battle_id = b.battle_id
  WHERE a.battle_side = 'a' AND b.battle_side = 'b'
),
flattened AS (SELECT *, flat_scores(judgments) AS flat FROM battles)
SELECT coalesce(meta->>'$.question_id', battle_id) AS question_id,
       coalesce(model, 'unknown') AS model_a,
       coalesce(model_b, 'unknown') AS model_b,
       winner,
       CASE WHEN coalesce(getvariable('judges'), true) THEN 'arena_user_' || left(sha256('judge:' || user_key), 16) END AS judge,
       list_transform(talk, lambda t: {'content': t.message.content, 'role': t.message.role}) AS conversation_a,
       list_transform(talk_b, lambda t: {'content': t.message.content, 'role': t.message.role}) AS conversation_b,
       len(list_filter(talk, lambda t: t.message.role = 'user')) AS turn,
       try_cast(meta->>'$.anony' AS BOOLEAN) AS anony,
       coalesce(language, 'unknown') AS language,
       epoch(cut_to(created_at, coalesce(getvariable('time'), 'hour'))) AS tstamp,
       CASE WHEN len(judgments) > 0 THEN {
         'categories': any_category(judgments),
         'category_scores': max_category(judgments),
         'flagged': list_bool_or(list_transform(judgments, lambda j: j.flagged))
       } END AS openai_moderation,
       CASE WHEN json_type(meta, '$.toxic_chat_tag') = 'OBJECT' THEN {
         'roberta-large': {
           'flagged': try_cast(meta->>'$.toxic_chat_tag."roberta-large".flagged' AS BOOLEAN),
           'probability': try_cast(meta->>'$.toxic_chat_tag."roberta-large".probability' AS DOUBLE)
         },
         't5-large': {
           'flagged': try_cast(meta->>'$.toxic_chat_tag."t5-large".flagged' AS BOOLEAN),
           'score': try_cast(meta->>'$.toxic_chat_tag."t5-large".score' AS DOUBLE)
         }
       } END AS toxic_chat_tag,
       coalesce(redacted, false) OR coalesce(redacted_b, false) AS redacted,
       list_bool_or(list_transform(judgments, lambda j: j.flagged)) AS flagged,
       flagged_categories(judgments) AS flagged_categories,
       flat.*,
       language_code,
       CASE WHEN topic_id IN (FROM told_topics) THEN topics.label END AS topic,
       prompt_cluster_size AS prompt_told_times,
       strftime(created_at, '%Y-%m') AS month
FROM flattened LEFT JOIN topics USING (topic_id)
ORDER BY row_id;
