-- One row per local day with plays.
SELECT bucket_date, play_count, total_ms
FROM user_time_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'DAY' AND bucket_date BETWEEN %(first_day)s AND %(last_day)s
ORDER BY bucket_date
