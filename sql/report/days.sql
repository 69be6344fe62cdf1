-- One row per local day with plays, in order.
SELECT bucket_date AS date, play_count, total_ms
FROM user_time_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'DAY'
ORDER BY bucket_date
