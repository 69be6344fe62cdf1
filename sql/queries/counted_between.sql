-- One row per track that a user played in some local days: the whole local months among them from statistics, the days
-- before and after these from events.
SELECT track_id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT track_id, play_count, total_ms
      FROM user_track_months
      WHERE user_id = %(user_id)s AND month >= %(first_month)s AND month < %(end_month)s
        AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
      UNION ALL
      {queries/counted_edges}) AS counted
GROUP BY track_id
HAVING sum(play_count) > 0
