-- One row per user and month whose contexts are new or have changed.
INSERT INTO user_month_contexts AS old (user_id, month, skip_count, skip_ms, context_ids, play_counts, total_ms)
SELECT user_id, month, skip_count, skip_ms, context_ids, play_counts, total_ms
FROM fresh_month_contexts
ORDER BY user_id, month
ON CONFLICT (user_id, month) DO UPDATE
SET skip_count = excluded.skip_count, skip_ms = excluded.skip_ms, context_ids = excluded.context_ids,
    play_counts = excluded.play_counts, total_ms = excluded.total_ms
WHERE (old.skip_count, old.skip_ms, old.context_ids, old.play_counts, old.total_ms)
      IS DISTINCT FROM (excluded.skip_count, excluded.skip_ms, excluded.context_ids, excluded.play_counts,
                        excluded.total_ms)
