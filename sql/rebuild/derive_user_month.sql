-- month_events: one row per event of a user-month with plays of several sources.
INSERT INTO month_events (user_id, track_id, played_at, ms_played, source, is_estimated, context_id)
SELECT %(user_id)s, track_id, played_at, ms_played, source, is_estimated, context_id
FROM desired_events
