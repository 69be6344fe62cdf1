-- One row per local weekday and hour with plays in some local days: UTC months, and the events that these count too
-- much or too little.
SELECT (week_hour / 24)::integer AS weekday, (week_hour %% 24)::integer AS hour,
       sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT one.week_hour::integer AS week_hour, one.play_count, one.total_ms
      FROM user_hour_months AS m
      CROSS JOIN LATERAL unnest(m.week_hours, m.play_counts, m.total_ms) AS one (week_hour, play_count, total_ms)
      WHERE m.user_id = %(user_id)s AND m.month >= %(first_month)s AND m.month < %(end_month)s
      UNION ALL
      SELECT ((extract(isodow FROM local_at) - 1) * 24 + extract(hour FROM local_at))::integer, sign,
             sign * ms_played::bigint
      FROM ({queries/signed_events}) AS events) AS counted
GROUP BY week_hour
HAVING sum(play_count) <> 0
ORDER BY week_hour
