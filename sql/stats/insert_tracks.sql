-- One row per user and track that the user had not played before.
INSERT INTO user_track_stats (user_id, track_id, play_count, total_ms, first_played_at, last_played_at)
SELECT user_id, track_id, play_count, total_ms, first_played_at, last_played_at
FROM changed_tracks AS c
WHERE c.play_count > 0
  AND NOT EXISTS (SELECT FROM user_track_stats AS old WHERE old.user_id = c.user_id AND old.track_id = c.track_id)
ORDER BY user_id, track_id
