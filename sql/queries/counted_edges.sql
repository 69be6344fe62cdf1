-- One row per track and reason why local days differ from their UTC months: the edges of the months, the plays of the
-- days before and after them.
SELECT track_id, play_count, total_ms
FROM user_month_edges
WHERE user_id = %(user_id)s AND month = %(first_month)s AND %(has_months)s
  AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
UNION ALL
SELECT track_id, -play_count, -total_ms
FROM user_month_edges
WHERE user_id = %(user_id)s AND month = %(end_month)s AND %(has_months)s
  AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
UNION ALL
SELECT track_id, 1, ms_played::bigint
FROM listening_events
WHERE user_id = %(user_id)s AND played_at >= %(head_from)s AND played_at < %(head_to)s
  AND (%(head_is_exact)s OR (played_at AT TIME ZONE %(zone)s)::date BETWEEN %(head_first)s AND %(head_last)s)
  AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
UNION ALL
SELECT track_id, 1, ms_played::bigint
FROM listening_events
WHERE user_id = %(user_id)s AND played_at >= %(tail_from)s AND played_at < %(tail_to)s
  AND (%(tail_is_exact)s OR (played_at AT TIME ZONE %(zone)s)::date BETWEEN %(tail_first)s AND %(tail_last)s)
  AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
