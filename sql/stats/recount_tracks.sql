-- One row per user and track of the months whose all-time row was not the sum of its months, for example because it was
-- deleted.
INSERT INTO user_track_stats AS old (user_id, track_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, track_id, sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at)
FROM user_track_months
WHERE user_id = ANY (%(user_ids)s)
GROUP BY user_id, track_id
HAVING bool_or(month = ANY (%(months)s))
ORDER BY user_id, track_id
ON CONFLICT (user_id, track_id) DO UPDATE
SET play_count = excluded.play_count, total_ms = excluded.total_ms,
    first_played_at = excluded.first_played_at, last_played_at = excluded.last_played_at
WHERE (old.play_count, old.total_ms, old.first_played_at, old.last_played_at)
      IS DISTINCT FROM (excluded.play_count, excluded.total_ms, excluded.first_played_at, excluded.last_played_at)
