-- One row per known listener: the instant from which on their statistics count so many plays, NULL where they count none.
SELECT (SELECT min(day.bucket_date)::timestamp AT TIME ZONE user_settings.timezone
        FROM (SELECT bucket_date, sum(play_count) OVER (ORDER BY bucket_date DESC) - play_count AS later
              FROM (SELECT bucket_date, play_count
                    FROM user_time_bucket_stats
                    WHERE user_id = %(user_id)s AND bucket_type = 'DAY'
                    ORDER BY bucket_date DESC
                    LIMIT %(each)s) AS latest) AS day
        WHERE day.later < %(each)s) AS since
FROM user_settings
WHERE user_id = %(user_id)s
