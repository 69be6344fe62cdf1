-- One row per user and track that has no plays any more.
DELETE FROM user_track_stats AS old
USING changed_tracks AS c
WHERE old.user_id = c.user_id AND old.track_id = c.track_id AND old.play_count + c.play_count = 0
