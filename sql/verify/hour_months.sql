-- One row per month, local weekday and hour whose counts are not those of the events.
SELECT month, month || ' weekday ' || weekday || ' hour ' || hour || ' is not what the events say'
FROM (SELECT * FROM user_weekday_hour_months
      WHERE user_id = %(user_id)s AND month <> ALL (%(unknown)s::date[])) AS old
FULL JOIN (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month,
                  date_part('isodow', played_at AT TIME ZONE %(timezone)s)::smallint AS weekday,
                  date_part('hour', played_at AT TIME ZONE %(timezone)s)::smallint AS hour,
                  count(*) AS play_count, sum(ms_played) AS total_ms
           FROM listening_events
           WHERE user_id = %(user_id)s
             AND date_trunc('month', played_at AT TIME ZONE 'UTC')::date <> ALL (%(unknown)s::date[])
           GROUP BY month, weekday, hour) AS new USING (month, weekday, hour)
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (new.play_count, new.total_ms)
ORDER BY month, weekday, hour
