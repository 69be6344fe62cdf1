-- One row per user and export_tracks row of the account data in a month that is about to be archived.
SELECT DISTINCT export_track_id, user_id
FROM imported_plays
WHERE context_id IS NULL AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
ORDER BY export_track_id, user_id
