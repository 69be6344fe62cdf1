-- One row per track that the user's rows refer to.
SELECT id AS track_id, spotify_id, name, song_id, album_id, duration_ms, isrc, preview_url, merged_into
FROM tracks
JOIN personal_tracks ON personal_tracks.track_id = tracks.id
ORDER BY id
