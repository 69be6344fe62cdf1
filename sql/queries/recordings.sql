-- One row per track of a song that a user ever played, the most played first.
SELECT s.track_id
FROM tracks AS t
JOIN user_track_stats AS s ON s.user_id = %(user_id)s AND s.track_id = t.id
WHERE t.song_id = %(id)s
ORDER BY s.play_count DESC, s.total_ms DESC, s.track_id
