-- Which conversations are the longest?
-- Columns: conversation_id, model, language, turns, messages, characters (of prompts and answers).
-- Also on a release.
SELECT conversation_id,
       model,
       language,
       turns,
       messages,
       prompt_characters + answer_characters AS characters
FROM summary
WHERE kept IS NOT FALSE AND messages IS NOT NULL
ORDER BY characters DESC, conversation_id
LIMIT 20;
