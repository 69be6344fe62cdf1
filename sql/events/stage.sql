-- desired_events: the slice's events, to be compared with those that it has.
INSERT INTO desired_events (track_id, played_at, ms_played, source, is_estimated)
{desired}
