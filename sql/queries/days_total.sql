-- One row: what a user played in some local days, music only.
SELECT coalesce(sum(play_count), 0)::bigint AS play_count, coalesce(sum(total_ms), 0)::bigint AS total_ms,
       count(*) AS days_with_plays
FROM user_time_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'DAY' AND bucket_date BETWEEN %(first_day)s AND %(last_day)s
