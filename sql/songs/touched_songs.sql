-- touched_songs: one row per user and song whose sum may change, because known tracks joined the song or left it.
INSERT INTO touched_songs (user_id, song_id)
WITH changed AS (
    SELECT old_song_id AS song_id FROM moved_tracks UNION SELECT song_id FROM moved_tracks
)
SELECT s.user_id, t.song_id
FROM changed
JOIN tracks AS t USING (song_id)
JOIN user_track_stats AS s ON s.track_id = t.id
UNION
SELECT summed.user_id, summed.song_id
FROM changed
JOIN user_song_sums AS summed USING (song_id)
