-- How long are prompts, by language?
-- Columns: language, conversations, tokens (four bytes of UTF-8 each; a prompt, mean), characters (a prompt, mean).
-- Also on a release.
SELECT language,
       count(*) AS conversations,
       round(sum(prompt_tokens) / nullif(sum(prompts), 0), 1) AS tokens,
       round(sum(prompt_characters) / nullif(sum(prompts), 0), 1) AS characters
FROM summary
WHERE kept IS NOT FALSE
GROUP BY language
ORDER BY conversations DESC, language;
