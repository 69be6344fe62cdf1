-- One row per user and month whose hours are new or have changed.
INSERT INTO user_hour_months AS old (user_id, month, week_hours, play_counts, total_ms)
SELECT user_id, month, week_hours, play_counts, total_ms
FROM fresh_hour_months
ORDER BY user_id, month
ON CONFLICT (user_id, month) DO UPDATE
SET week_hours = excluded.week_hours, play_counts = excluded.play_counts, total_ms = excluded.total_ms
WHERE (old.week_hours, old.play_counts, old.total_ms)
      IS DISTINCT FROM (excluded.week_hours, excluded.play_counts, excluded.total_ms)
