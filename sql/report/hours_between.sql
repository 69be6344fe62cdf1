-- One row per hour of the local day with plays between two instants.
SELECT extract(hour FROM played_at AT TIME ZONE %(timezone)s)::int AS hour, count(*) AS play_count
FROM listening_events
WHERE user_id = %(user_id)s AND played_at >= %(since)s AND played_at < %(until)s
GROUP BY hour
