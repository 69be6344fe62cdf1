-- One row per track of a local day: how often it was played, those played most first, and how much all of them.
SELECT track_id, count(*) AS play_count, sum(ms_played)::bigint AS total_ms,
       (sum(count(*)) OVER ())::bigint AS day_plays, (sum(sum(ms_played)) OVER ())::bigint AS day_ms
FROM listening_events
WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
  AND (played_at AT TIME ZONE %(zone)s)::date = %(day)s
GROUP BY track_id
ORDER BY count(*) DESC, sum(ms_played) DESC, track_id
LIMIT %(each)s
