-- One row per month and track that is new.
INSERT INTO user_track_months (user_id, month, track_id, play_count, total_ms, last_played_at)
SELECT %(user_id)s, month, track_id, play_count, total_ms, last_played_at
FROM changed_track_months
WHERE old_play_count IS NULL
ORDER BY month, track_id
