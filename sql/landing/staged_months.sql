-- One row per month of the staged plays; none for a listener of whom nothing is archived.
SELECT DISTINCT date_trunc('month', played_at)::date AS month
FROM staged_plays
WHERE EXISTS (SELECT FROM archived_slices WHERE user_id = %s)
