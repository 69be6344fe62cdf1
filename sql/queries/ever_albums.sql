-- One row per album that a user ever played.
SELECT album_id AS id, NULL::bigint AS recordings, play_count, total_ms
FROM user_album_stats
WHERE user_id = %(user_id)s AND album_id <> 0
