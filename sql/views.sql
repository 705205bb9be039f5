-- The views that every query on a run sees, beside `conversations`, which chatlog builds: one row a
-- conversation, with the columns of all stages (null where a stage did not run), and beside `topics`,
-- `stages`, `embeddings` and `decisions`.

-- messages: one row a message, after redaction where the pipeline redacts.
CREATE VIEW messages AS
SELECT c.row_id, c.conversation_id, c.model, c.language AS conversation_language,
       c.m.position - 1 AS position, c.m.message.role AS role, c.m.message.content AS content, c.m.message.name AS name,
       c.m.message.created_at AS created_at, c.message_languages[c.m.position] AS language,
       c.moderation[c.m.position].flagged AS flagged, c.moderation[c.m.position].status AS moderation_status,
       c.moderation[c.m.position].categories AS categories, c.moderation[c.m.position].category_scores AS category_scores
FROM (SELECT *, unnest(list_transform(messages, lambda x, i: {'position': i, 'message': x})) AS m FROM conversations) AS c;

-- pii: one row a redacted span; message -1 is the system prompt. Offsets are code points before redaction.
CREATE VIEW pii AS
SELECT c.row_id, c.conversation_id, c.language AS conversation_language, c.s.message AS message, c.s.start AS "start", c.s."end" AS "end",
       c.s.type AS "type", c.s.score AS score, c.s.recognizer AS recognizer, c.s.placeholder AS placeholder
FROM (SELECT *, unnest(pii) AS s FROM conversations) AS c;

-- contamination: one row a benchmark item that a message holds, whole (kind exact) or by a share of its n-grams.
CREATE VIEW contamination AS
SELECT c.row_id, c.conversation_id, c.o.benchmark AS benchmark, c.o.item AS item, c.o.part AS part, c.o.message AS message,
       c.o.role AS role, c.o.kind AS kind, c.o.share AS share
FROM (SELECT *, unnest(contamination) AS o FROM conversations) AS c;

-- funnel: from records to released conversations; n counts conversations.
CREATE VIEW funnel AS
SELECT step, n, note FROM (
  SELECT 1 AS place, 'records' AS step, coalesce(sum(records), 0)::BIGINT AS n, 'conversations that the logs tell' AS note FROM stages WHERE stage = 'ingest'
  UNION ALL SELECT 2, 'rejects', count(*), 'records that no row could be made of' FROM rejects
  UNION ALL SELECT 2.5, 'forgotten', sum(forgotten)::BIGINT, 'records of those who were forgotten' FROM stages HAVING sum(forgotten) > 0
  UNION ALL SELECT 3, 'rows', count(*), 'conversations staged' FROM summary
  UNION ALL SELECT 4, 'duplicates', count(*) FILTER (NOT kept),
    format('{} snapshots, {} exact, {} near, {} contained', count(*) FILTER (duplicate_kind = 'snapshot'), count(*) FILTER (duplicate_kind = 'exact'), count(*) FILTER (duplicate_kind = 'near'), count(*) FILTER (duplicate_kind = 'contained')) FROM summary
  UNION ALL SELECT 5, 'redacted', count(*) FILTER (redacted), 'kept conversations in which something was replaced' FROM summary
  UNION ALL SELECT 6, 'flagged', count(*) FILTER (flagged),
    format('{} judged, {} with a failed judgment', count(*) FILTER (moderation_status = 'ok'), count(*) FILTER (moderation_status = 'error')) FROM summary
  UNION ALL SELECT 7, 'dropped', count(*) FILTER (reason IS NOT NULL), 'left out by the release query, see decisions' FROM decisions HAVING count(*) > 0
  UNION ALL SELECT 8, 'released', count(*) FILTER (reason IS NULL), 'what a release holds' FROM decisions HAVING count(*) > 0
) ORDER BY place;
