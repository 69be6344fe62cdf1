-- One row per user and track whose latest play may be gone: the latest is looked up in all months.
UPDATE user_track_stats AS old
SET last_played_at = (SELECT max(m.last_played_at) FROM user_track_months AS m
                      WHERE m.user_id = c.user_id AND m.track_id = c.track_id)
FROM changed_tracks AS c
WHERE old.user_id = c.user_id AND old.track_id = c.track_id AND c.has_lost_last
