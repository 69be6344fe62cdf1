-- rekeyed_tracks: one row per track whose song is to be derived again.
WITH taken AS (DELETE FROM pending_song_tracks RETURNING track_id)
INSERT INTO rekeyed_tracks (track_id)
SELECT DISTINCT coalesce(t.merged_into, t.id)
FROM taken
JOIN tracks AS t ON t.id = taken.track_id
