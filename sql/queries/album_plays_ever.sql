-- One row per album that a user ever played, and one without an album for the tracks of which none is known.
SELECT nullif(album_id, 0) AS album_id, play_count, total_ms FROM user_album_stats WHERE user_id = %(user_id)s
