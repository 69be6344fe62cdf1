-- The listener's tracks of one month, into its new partition.
INSERT INTO {partition} (user_id, month, track_id, play_count, total_ms, last_played_at)
SELECT %(user_id)s, month, track_id, play_count, total_ms, last_played_at
FROM fresh_track_months
WHERE month = %(month)s
