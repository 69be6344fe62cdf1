-- One row per track that the listener has no play of any more.
DELETE FROM user_track_stats AS old
USING changed_tracks AS c
WHERE old.user_id = %(user_id)s AND old.track_id = c.track_id AND old.play_count + c.play_count = 0
