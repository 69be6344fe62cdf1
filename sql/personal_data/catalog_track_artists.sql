-- One row per track that the user's rows refer to, and artist credited on it.
SELECT credit.track_id, credit.artist_id, credit.position
FROM track_artists AS credit
JOIN personal_tracks USING (track_id)
ORDER BY credit.track_id, credit.position, credit.artist_id
