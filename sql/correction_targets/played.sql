-- One row per track that the user ever played, hidden plays too.
SELECT track_id, sum(play_count)::bigint AS play_count
FROM (SELECT track_id, play_count FROM user_track_stats WHERE user_id = %(user_id)s
      UNION ALL
      SELECT track_id, play_count FROM hidden_track_months WHERE user_id = %(user_id)s) AS counted
GROUP BY track_id
