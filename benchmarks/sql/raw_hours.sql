-- One row per hour of the local day, from events alone.
SELECT date_part('hour', played_at AT TIME ZONE %(timezone)s)::int AS hour, count(*) AS play_count
FROM listening_events
WHERE user_id = %(user_id)s
GROUP BY hour
ORDER BY hour
