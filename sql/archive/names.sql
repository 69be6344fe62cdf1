-- One row per names of account data in a slice that is about to be archived.
SELECT DISTINCT export_track_id, user_id
FROM imported_plays
WHERE context_id IS NULL AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
ORDER BY export_track_id, user_id
