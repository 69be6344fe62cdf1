-- One row per album with tracks of an artist that a user ever played, the most played first, by plays or by time.
SELECT t.album_id, sum(s.play_count)::bigint AS play_count, sum(s.total_ms)::bigint AS total_ms
FROM track_artists AS credit
JOIN user_track_stats AS s ON s.user_id = %(user_id)s AND s.track_id = credit.track_id
JOIN tracks AS t ON t.id = credit.track_id
WHERE credit.artist_id = %(id)s AND t.album_id IS NOT NULL
GROUP BY t.album_id
ORDER BY sum(CASE WHEN %(by_time)s THEN s.total_ms ELSE s.play_count END) DESC,
         sum(s.play_count) DESC, sum(s.total_ms) DESC, t.album_id
LIMIT %(each)s
