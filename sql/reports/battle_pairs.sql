-- How do two models fare against each other?
-- Columns: model, other, battles, wins (of model), losses, ties (both bad among them).
-- Also on a release.
-- Duplicates count, once a side: see battles.sql.
WITH sides AS (
  SELECT DISTINCT ON (battle_id, battle_side) battle_id, battle_side, coalesce(model, 'unknown') AS model, winner FROM summary
  WHERE battle_id IS NOT NULL AND winner IS NOT NULL
  ORDER BY battle_id, battle_side, row_id
), pairs AS (
  SELECT least(a.model, b.model) AS model, greatest(a.model, b.model) AS other,
         CASE WHEN a.winner LIKE 'tie%' THEN 'tie' WHEN a.winner = 'model_a' THEN a.model WHEN a.winner = 'model_b' THEN b.model END AS won
  FROM sides AS a JOIN sides AS b USING (battle_id)
  WHERE a.battle_side = 'a' AND b.battle_side = 'b' AND a.model <> b.model
)
SELECT model,
       other,
       count(*) AS battles,
       count(*) FILTER (won = model) AS wins,
       count(*) FILTER (won = other) AS losses,
       count(*) FILTER (won = 'tie') AS ties
FROM pairs
GROUP BY model, other
ORDER BY battles DESC, model, other;
