-- One row per UTC month of rows of undone imports.
SELECT DISTINCT date_trunc('month', played_at)::date AS month
FROM undone_plays
WHERE user_id = %(user_id)s
ORDER BY month
