-- How large is it, in the measures of the LMSYS-Chat-1M paper's Table 1?
-- Columns: measure, value, lmsys_chat_1m (the paper's value; its tokens are those of Llama 2's tokenizer).
-- Also on a release.
-- A token is four bytes of UTF-8 here, rounded up in each message: a rule of thumb that needs no tokenizer.
WITH c AS (SELECT * FROM summary WHERE kept IS NOT FALSE)
SELECT measure, value, lmsys_chat_1m
FROM (
  SELECT 1 AS place, 'conversations' AS measure, count(*)::DOUBLE AS value, 1000000::DOUBLE AS lmsys_chat_1m FROM c
  UNION ALL SELECT 2, 'models', count(DISTINCT model) FILTER (model <> 'unknown'), 25 FROM c
  UNION ALL SELECT 3, 'users', nullif(count(DISTINCT user_key), 0), 210479 FROM c
  UNION ALL SELECT 4, 'languages', nullif(count(DISTINCT language) FILTER (language <> 'unknown'), 0), 154 FROM c
  UNION ALL SELECT 5, 'turns a conversation', round(avg(turns), 2), 2.0 FROM c
  UNION ALL SELECT 6, 'tokens a prompt', round(sum(prompt_tokens) / nullif(sum(prompts), 0), 1), 69.5 FROM c
  UNION ALL SELECT 7, 'tokens a response', round(sum(answer_tokens) / nullif(sum(answers), 0), 1), 214.5 FROM c
)
ORDER BY place;
