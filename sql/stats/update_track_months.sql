-- One row per month and track that has changed.
UPDATE user_track_months AS old
SET play_count = c.play_count, total_ms = c.total_ms, last_played_at = c.last_played_at
FROM changed_track_months AS c
WHERE old.user_id = %(user_id)s AND old.month = ANY (%(months)s)
  AND old.month = c.month AND old.track_id = c.track_id AND c.play_count IS NOT NULL AND c.old_play_count IS NOT NULL
