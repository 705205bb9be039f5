-- Which models win their battles?
-- Columns: model, battles, wins, losses, ties, both_bad, win_rate (ties count as half a win).
-- Also on a release.
-- A vote is a record of its own in many logs, and then a snapshot of the conversation: duplicates count here, once a side.
WITH sides AS (
  SELECT DISTINCT ON (battle_id, battle_side) coalesce(model, 'unknown') AS model, winner, battle_side FROM summary
  WHERE battle_id IS NOT NULL AND winner IS NOT NULL
  ORDER BY battle_id, battle_side, row_id
)
SELECT model,
       count(*) AS battles,
       count(*) FILTER (winner = 'model_' || battle_side) AS wins,
       count(*) FILTER (winner LIKE 'model!__' ESCAPE '!' AND winner <> 'model_' || battle_side) AS losses,
       count(*) FILTER (winner = 'tie') AS ties,
       count(*) FILTER (winner = 'tie (bothbad)') AS both_bad,
       round((count(*) FILTER (winner = 'model_' || battle_side) + count(*) FILTER (winner LIKE 'tie%') / 2) / count(*), 4) AS win_rate
FROM sides
GROUP BY model
ORDER BY win_rate DESC, battles DESC, model;
