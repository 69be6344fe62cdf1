-- One row per artist that a user ever played.
SELECT artist_id AS id, NULL::bigint AS recordings, play_count, total_ms
FROM user_artist_stats
WHERE user_id = %(user_id)s AND play_count > 0
