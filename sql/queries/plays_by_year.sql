-- One row per track and local year in which a user played it: the UTC months, and what the edges of years move.
SELECT track_id, year, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT track_id, extract(year FROM month)::integer AS year, play_count, total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month >= %(earliest_month)s AND month <= %(latest_month)s
      UNION ALL
      SELECT e.track_id, extract(year FROM e.month)::integer + moved.years, moved.sign * e.play_count,
             moved.sign * e.total_ms
      FROM user_month_edges AS e
      CROSS JOIN (VALUES (0, 1), (-1, -1)) AS moved (years, sign)
      WHERE e.user_id = %(user_id)s AND extract(month FROM e.month) = 1) AS counted
GROUP BY track_id, year
