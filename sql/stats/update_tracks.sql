-- One row per user and known track: its difference is applied.
UPDATE user_track_stats AS old
SET play_count = old.play_count + c.play_count,
    total_ms = old.total_ms + c.total_ms,
    first_played_at = least(old.first_played_at, c.first_played_at),
    last_played_at = greatest(old.last_played_at, c.last_played_at)
FROM changed_tracks AS c
WHERE old.user_id = c.user_id AND old.track_id = c.track_id
