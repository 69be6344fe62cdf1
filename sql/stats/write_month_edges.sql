-- One row per user, month and track whose edge is new or has changed.
INSERT INTO user_month_edges (user_id, month, track_id, play_count, total_ms)
SELECT f.user_id, f.month, f.track_id, f.play_count, f.total_ms
FROM fresh_month_edges AS f
LEFT JOIN user_month_edges AS old ON old.user_id = f.user_id AND old.month = f.month AND old.track_id = f.track_id
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (f.play_count, f.total_ms)
ORDER BY f.user_id, f.month, f.track_id
ON CONFLICT (user_id, month, track_id) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
