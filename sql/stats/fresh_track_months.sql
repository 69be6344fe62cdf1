-- One row per UTC month and track, of an unbroken run of months.
INSERT INTO fresh_track_months (month, track_id, play_count, total_ms, last_played_at)
SELECT date_trunc('month', played_at)::date, track_id, count(*), sum(ms_played), max(played_at)
FROM listening_events
WHERE user_id = %(user_id)s AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
GROUP BY 1, 2
