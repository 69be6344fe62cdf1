-- One row per local day among some with plays, the latest first.
SELECT bucket_date, play_count, total_ms
FROM user_time_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'DAY' AND bucket_date = ANY (%(days)s)
ORDER BY bucket_date DESC
