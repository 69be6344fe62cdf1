-- One row per local day, from events alone.
SELECT (e.played_at AT TIME ZONE %(timezone)s)::date AS day, count(*) AS play_count, sum(e.ms_played) AS total_ms,
       count(DISTINCT e.track_id) AS unique_tracks
FROM listening_events AS e
WHERE e.user_id = %(user_id)s AND {within}
GROUP BY day
ORDER BY day
