-- How many conversations hold items of benchmarks?
-- Columns: benchmark, conversations, share (of those that were looked through), models. No rows before `chatlog overlap`.
WITH looked AS (SELECT * FROM summary WHERE kept IS NOT FALSE AND contaminated IS NOT NULL),
found AS (SELECT unnest(benchmarks) AS benchmark, model FROM looked)
SELECT benchmark,
       count(*) AS conversations,
       round(count(*) / (SELECT count(*) FROM looked), 4) AS share,
       count(DISTINCT model) AS models
FROM found
GROUP BY benchmark
ORDER BY conversations DESC, benchmark;
