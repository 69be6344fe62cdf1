-- One row per local weekday and hour in which a user ever played something.
SELECT weekday - 1 AS weekday, hour, play_count, total_ms
FROM user_weekday_hour_stats
WHERE user_id = %(user_id)s
