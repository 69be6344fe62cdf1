-- desired_events: one row per event that the user-month should have, of plays of several sources.
INSERT INTO desired_events (track_id, played_at, ms_played, source, is_estimated, context_id)
SELECT track_id, played_at, ms_played, source, is_estimated, context_id
FROM placed_events
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
