-- Which first questions were asked most, by ten users or more? Told by counts: their texts may be of few people.
-- Columns: prompt_cluster_id (the lowest row_id of those that ask it), conversations, users, models, languages.
SELECT prompt_cluster_id,
       count(*) AS conversations,
       count(DISTINCT user_key) AS users,
       count(DISTINCT model) AS models,
       nullif(count(DISTINCT language), 0) AS languages
FROM summary
WHERE prompt_cluster_id IS NOT NULL
GROUP BY prompt_cluster_id
HAVING count(DISTINCT user_key) >= 10 AND count(*) > 1
ORDER BY conversations DESC, prompt_cluster_id
LIMIT 20;
