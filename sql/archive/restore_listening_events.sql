-- One row per event that is restored, with its id.
INSERT INTO listening_events
    (id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id)
SELECT id, user_id, track_id, played_at, created_at, ms_played, source, is_estimated, is_skip, context_id
FROM ({archive/returning_events}) AS kept
ORDER BY user_id, played_at, id
