-- One row per month and track whose edge is new or has changed.
INSERT INTO user_month_edges AS old (user_id, month, track_id, play_count, total_ms)
SELECT %(user_id)s, month, track_id, play_count, total_ms
FROM fresh_month_edges
ORDER BY month, track_id
ON CONFLICT (user_id, month, track_id) DO UPDATE SET play_count = excluded.play_count, total_ms = excluded.total_ms
WHERE (old.play_count, old.total_ms) IS DISTINCT FROM (excluded.play_count, excluded.total_ms)
