-- How long are the answers of each model?
-- Columns: model, answers, tokens (four bytes of UTF-8 each; an answer, mean), median, p95 (of conversations' means).
-- Also on a release.
SELECT coalesce(model, 'unknown') AS model,
       sum(answers)::BIGINT AS answers,
       round(sum(answer_tokens) / sum(answers), 1) AS tokens,
       round(quantile_cont(answer_tokens / answers, 0.5), 1) AS median,
       round(quantile_cont(answer_tokens / answers, 0.95), 1) AS p95
FROM summary
WHERE kept IS NOT FALSE AND answers > 0
GROUP BY coalesce(model, 'unknown')
ORDER BY tokens DESC, model;
