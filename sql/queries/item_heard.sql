-- One row per local hour of the week in which some tracks were played, one for the local day on which they were played
-- most, and one per latest play, the latest first: all from one reading of their events.
WITH plays AS MATERIALIZED (
    SELECT played_at, track_id, ms_played, played_at AT TIME ZONE %(zone)s AS local_at
    FROM listening_events
    WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
      AND track_id = ANY (({queries/the_tracks})::bigint[])
)
SELECT ((extract(isodow FROM local_at) - 1) * 24 + extract(hour FROM local_at))::integer AS week_hour,
       NULL::date AS day, NULL::timestamptz AS played_at, count(*) AS play_count, sum(ms_played)::bigint AS total_ms
FROM plays
GROUP BY week_hour
UNION ALL
(SELECT NULL, local_at::date AS day, NULL, count(*), sum(ms_played)
 FROM plays
 GROUP BY day
 ORDER BY count(*) DESC, sum(ms_played) DESC, day
 LIMIT 1)
UNION ALL
(SELECT NULL, NULL, played_at, 1, ms_played
 FROM plays
 ORDER BY played_at DESC, track_id
 LIMIT %(latest)s)
