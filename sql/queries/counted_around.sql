-- One row per track that a user played in some local days, as counted_between, which are most of all days: all time
-- without the months before and after.
SELECT track_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT track_id, play_count, total_ms
      FROM user_track_stats
      WHERE user_id = %(user_id)s
        AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
      UNION ALL
      SELECT track_id, -play_count, -total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month >= %(earliest_month)s AND month < %(first_month)s
        AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
      UNION ALL
      SELECT track_id, -play_count, -total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month >= %(end_month)s AND month <= %(latest_month)s
        AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
      UNION ALL
      {queries/counted_edges}) AS counted
GROUP BY track_id
HAVING sum(play_count) > 0
