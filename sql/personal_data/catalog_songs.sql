-- One row per song of a track that the user's rows refer to.
SELECT id AS song_id, name, artist
FROM songs
WHERE id IN (SELECT song_id FROM tracks JOIN personal_tracks ON personal_tracks.track_id = tracks.id)
ORDER BY id
