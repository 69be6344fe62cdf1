-- One row per UTC month and local hour, of an unbroken run of months.
INSERT INTO fresh_hour_months (month, hour, play_count, total_ms)
SELECT date_trunc('month', played_at)::date, extract(hour FROM played_at AT TIME ZONE %(timezone)s), count(*), sum(ms_played)
FROM listening_events
WHERE user_id = %(user_id)s AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
GROUP BY 1, 2
