-- One row per user, month and hour that is new or has changed.
INSERT INTO user_hour_months AS old (user_id, month, hour, play_count, total_ms)
SELECT user_id, month, hour, play_count, total_ms
FROM fresh_hour_months
ON CONFLICT (user_id, month, hour) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (excluded.play_count, excluded.total_ms)
