-- One row per local day with plays, in order.
SELECT bucket_date AS date, play_count, total_ms, unique_tracks
FROM user_time_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'DAY' AND bucket_date >= %(first)s AND bucket_date < %(end)s
ORDER BY bucket_date
