-- What became of the records, step by step?
-- Columns: step, n (conversations), note.
FROM funnel;
