-- One row per track whose difference is applied; the latest play is looked up where it may be gone.
UPDATE user_track_stats AS old
SET play_count = old.play_count + c.play_count,
    total_ms = old.total_ms + c.total_ms,
    last_played_at = CASE WHEN c.has_lost_last THEN
        (SELECT max(m.last_played_at) FROM user_track_months AS m
         WHERE m.user_id = %(user_id)s AND m.track_id = c.track_id)
    ELSE greatest(old.last_played_at, c.last_played_at) END
FROM changed_tracks AS c
WHERE old.user_id = %(user_id)s AND old.track_id = c.track_id
