-- One row per local weekday and hour whose all-time counts are not the sums of its months.
SELECT NULL::date, 'weekday ' || weekday || ' hour ' || hour || ' is not the sum of its months'
FROM (SELECT * FROM user_weekday_hour_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT weekday, hour, sum(play_count) AS play_count, sum(total_ms) AS total_ms
           FROM user_weekday_hour_months
           WHERE user_id = %(user_id)s
           GROUP BY weekday, hour) AS new USING (weekday, hour)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY weekday, hour
