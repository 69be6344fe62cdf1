-- One row per month and track whose counts are not those of the events.
SELECT month, month || ' track ' || track_id || ' is not what the events say'
FROM (SELECT * FROM user_track_months WHERE user_id = %(user_id)s AND month <> ALL (%(unknown)s::date[])) AS old
FULL JOIN (SELECT date_trunc('month', played_at AT TIME ZONE 'UTC')::date AS month, track_id,
                  count(*) AS play_count, sum(ms_played) AS total_ms,
                  min(played_at) AS first_played_at, max(played_at) AS last_played_at,
                  CASE WHEN count(*) > 1 OR bool_or(is_estimated)
                       THEN coalesce(array_agg(ms_played ORDER BY ms_played) FILTER (WHERE NOT is_estimated), '{}')
                  END AS ms_played
           FROM listening_events
           WHERE user_id = %(user_id)s
             AND date_trunc('month', played_at AT TIME ZONE 'UTC')::date <> ALL (%(unknown)s::date[])
           GROUP BY month, track_id) AS new USING (month, track_id)
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at, old.ms_played)
      IS DISTINCT FROM (new.play_count, new.total_ms, new.first_played_at, new.last_played_at, new.ms_played)
ORDER BY month, track_id
