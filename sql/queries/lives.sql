-- One row per song or recording and local month or year in which it was played: how often.
WITH own AS MATERIALIZED (
    SELECT song_id AS id, id AS track_id FROM tracks WHERE %(kind)s = 'song' AND song_id = ANY (%(ids)s)
    UNION ALL
    SELECT id, id FROM unnest(%(ids)s::bigint[]) AS id WHERE %(kind)s = 'track'
), counted AS (
    SELECT track_id, month, play_count, total_ms
    FROM user_track_months
    WHERE user_id = %(user_id)s AND track_id = ANY (ARRAY(SELECT track_id FROM own))
      AND month >= %(earliest_month)s AND month <= %(latest_month)s
    UNION ALL
    SELECT track_id, month, play_count, total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s AND track_id = ANY (ARRAY(SELECT track_id FROM own))
      AND month >= %(earliest_month)s AND month <= %(latest_month)s
    UNION ALL
    SELECT track_id, (month - interval '1 month')::date, -play_count, -total_ms
    FROM user_month_edges
    WHERE user_id = %(user_id)s AND track_id = ANY (ARRAY(SELECT track_id FROM own))
      AND month > %(earliest_month)s AND month <= %(latest_month)s::date + 31
)
SELECT own.id, date_trunc(%(step)s, counted.month)::date AS first_day, sum(counted.play_count)::bigint AS play_count,
       sum(counted.total_ms)::bigint AS total_ms
FROM counted
JOIN own ON own.track_id = counted.track_id
GROUP BY own.id, first_day
HAVING sum(counted.play_count) <> 0
ORDER BY own.id, first_day
