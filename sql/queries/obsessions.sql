-- One row per local month and track with at least so many plays in it, those with the most first. Only of tracks with
-- plays at the edges of a month its UTC month says less or more.
WITH moved AS MATERIALIZED (
    SELECT track_id, month, play_count, total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s AND month >= %(first_month)s AND month < %(end_month)s
      AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
    UNION ALL
    SELECT track_id, (month - interval '1 month')::date, -play_count, -total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s AND month > %(first_month)s AND month <= %(end_month)s
      AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
)
SELECT track_id, month, sum(play_count)::integer AS play_count, sum(total_ms)::bigint AS total_ms
FROM (SELECT m.track_id, m.month, m.play_count, m.total_ms
      FROM user_track_months AS m
      WHERE m.user_id = %(user_id)s AND m.month >= %(first_month)s AND m.month < %(end_month)s
        AND (%(tracks)s::bigint[] IS NULL OR m.track_id = ANY (({queries/the_tracks})::bigint[]))
        AND (m.play_count >= %(at_least)s OR (m.track_id, m.month) IN (SELECT track_id, month FROM moved))
      UNION ALL
      SELECT track_id, month, play_count, total_ms FROM moved) AS counted
GROUP BY track_id, month
HAVING sum(play_count) >= %(at_least)s
ORDER BY sum(play_count) DESC, sum(total_ms) DESC, month, track_id
LIMIT %(each)s
