-- renamed_songs: one row per song with a track whose payload changed, or that took keys of a payload.
INSERT INTO renamed_songs (song_id)
SELECT DISTINCT t.song_id
FROM pending_objects AS p
JOIN tracks AS t USING (spotify_id)
WHERE p.object_type = 'track'
UNION
SELECT t.song_id FROM added_song_keys AS added JOIN tracks AS t ON t.id = added.track_id
ON CONFLICT DO NOTHING
