-- How much planted personal data did redaction find, by its type?
-- Columns: type, planted, gone, recall, low, high (95 % Wilson interval). No rows before `chatlog pii --canaries`.
SELECT value AS "type", planted, gone, round(recall, 4) AS recall, round(low, 4) AS low, round(high, 4) AS high
FROM canaries
WHERE dimension IN ('all', 'type')
ORDER BY dimension, recall, "type";
