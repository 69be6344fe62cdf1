-- One row per local hour whose all-time counts are not the sums of its months.
SELECT NULL::date, 'hour ' || hour || ' is not the sum of its months'
FROM (SELECT * FROM user_hour_stats WHERE user_id = %(user_id)s) AS old
FULL JOIN (SELECT hour, sum(play_count) AS play_count, sum(total_ms) AS total_ms
           FROM user_weekday_hour_months
           WHERE user_id = %(user_id)s
           GROUP BY hour) AS new USING (hour)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY hour
