-- One row per user and track whose first or latest play may be gone: they are looked up in all months.
UPDATE user_track_stats AS old
SET (first_played_at, last_played_at) = (SELECT min(m.first_played_at), max(m.last_played_at)
                                         FROM user_track_months AS m
                                         WHERE m.user_id = c.user_id AND m.track_id = c.track_id)
FROM changed_tracks AS c
WHERE old.user_id = c.user_id AND old.track_id = c.track_id AND c.has_lost_first_or_last
