-- One row per track that a user played in the local year that a row of years names: the UTC months of the year, and the
-- plays that its edges move into it or out of it.
SELECT track_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT track_id, play_count, total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month >= make_date(years.year, 1, 1) AND month <= make_date(years.year, 12, 1)
      UNION ALL
      SELECT track_id, play_count, total_ms
      FROM user_month_edges
      WHERE user_id = %(user_id)s AND month = make_date(years.year, 1, 1)
      UNION ALL
      SELECT track_id, -play_count, -total_ms
      FROM user_month_edges
      WHERE user_id = %(user_id)s AND month = make_date(years.year + 1, 1, 1)) AS counted
GROUP BY track_id
HAVING sum(play_count) > 0
