-- One row per track of an artist or an album that a user ever played, the most played first.
SELECT s.track_id
FROM user_track_stats AS s
WHERE s.user_id = %(user_id)s
  AND s.track_id IN (SELECT track_id FROM track_artists WHERE artist_id = %(artist_id)s
                     UNION ALL
                     SELECT id FROM tracks WHERE album_id = %(album_id)s)
ORDER BY s.play_count DESC, s.total_ms DESC, s.track_id
