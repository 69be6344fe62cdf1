-- One row per UTC month in which the user has plays, events or statistics.
SELECT DISTINCT month
FROM (SELECT date_trunc('month', played_at)::date AS month FROM imported_plays WHERE user_id = %(gone)s
      UNION ALL
      SELECT date_trunc('month', played_at)::date FROM polled_plays WHERE user_id = %(gone)s
      UNION ALL
      SELECT date_trunc('month', played_at)::date FROM listening_events WHERE user_id = %(gone)s
      UNION ALL
      SELECT month FROM user_track_months WHERE user_id = %(gone)s) AS months
ORDER BY month
