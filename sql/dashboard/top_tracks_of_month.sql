-- One row per rank: the tracks most played in a local month.
-- The UTC month is counted already; plays between the beginnings of a local and a UTC month come on top or go off.
SELECT track_id, sum(play_count) AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT track_id, play_count, total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month = %(month)s
      UNION ALL
      SELECT track_id, play_count, total_ms
      FROM user_month_edges
      WHERE user_id = %(user_id)s AND month = %(month)s
      UNION ALL
      SELECT track_id, -play_count, -total_ms
      FROM user_month_edges
      WHERE user_id = %(user_id)s AND month = %(next_month)s) AS counted
GROUP BY track_id
HAVING sum(play_count) > 0
ORDER BY play_count DESC, total_ms DESC, track_id
LIMIT %(each)s
