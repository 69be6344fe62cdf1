-- One row per album of a track that the user's rows refer to.
SELECT id AS album_id, spotify_id, name, release_date, image_url
FROM albums
WHERE id IN (SELECT album_id FROM tracks JOIN personal_tracks ON personal_tracks.track_id = tracks.id)
ORDER BY id
