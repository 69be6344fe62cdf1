-- One row per month and track that is new or has changed.
INSERT INTO user_track_months AS old (user_id, month, track_id, play_count, total_ms, last_played_at)
SELECT %(user_id)s, month, track_id, play_count, total_ms, last_played_at
FROM changed_track_months
WHERE play_count IS NOT NULL
ON CONFLICT (user_id, month, track_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms, last_played_at = excluded.last_played_at
