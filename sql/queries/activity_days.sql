-- One row per day, week, month or year with plays: its first day, cut to none of the days that were asked for.
SELECT CASE %(step)s
           WHEN 'day' THEN bucket_date
           WHEN 'week' THEN bucket_date - (extract(isodow FROM bucket_date)::integer + 6 - %(week_starts_on)s) %% 7
           ELSE date_trunc(%(step)s, bucket_date)::date
       END AS first_day,
       sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM user_time_bucket_stats
WHERE user_id = %(user_id)s AND bucket_type = 'DAY' AND bucket_date BETWEEN %(first_day)s AND %(last_day)s
GROUP BY first_day
ORDER BY first_day
