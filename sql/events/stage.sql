-- desired_events: one row per event that the user-month should have, to be compared with those that it has.
INSERT INTO desired_events (track_id, played_at, ms_played, source, is_estimated)
{events/desired}
