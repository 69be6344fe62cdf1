-- One row per local month in which some tracks were played.
SELECT month AS first_day, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT month, play_count, total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND track_id = ANY (({queries/the_tracks})::bigint[])
        AND month >= %(earliest_month)s AND month <= %(latest_month)s
      UNION ALL
      SELECT month, play_count, total_ms
      FROM user_month_edges
      WHERE user_id = %(user_id)s AND track_id = ANY (({queries/the_tracks})::bigint[])
        AND month >= %(earliest_month)s AND month <= %(latest_month)s
      UNION ALL
      SELECT (month - interval '1 month')::date, -play_count, -total_ms
      FROM user_month_edges
      WHERE user_id = %(user_id)s AND track_id = ANY (({queries/the_tracks})::bigint[])
        AND month > %(earliest_month)s AND month <= %(latest_month)s::date + 31) AS counted
GROUP BY month
HAVING sum(play_count) <> 0
ORDER BY month
