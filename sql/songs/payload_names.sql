-- renamed_songs: one row per song with a track whose payload changed.
INSERT INTO renamed_songs (song_id)
SELECT DISTINCT t.song_id
FROM pending_objects AS p
JOIN tracks AS t USING (spotify_id)
WHERE p.object_type = 'track'
ON CONFLICT DO NOTHING
