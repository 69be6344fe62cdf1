-- desired_events: one row per event that the user-month should have, when it has only extended rows.
INSERT INTO desired_events (track_id, played_at, ms_played, source, is_estimated, context_id)
SELECT track_id, played_at, ms_played, source, is_estimated, context_id
FROM ({events/plain}) AS plain
