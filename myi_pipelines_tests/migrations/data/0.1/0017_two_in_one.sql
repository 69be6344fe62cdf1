-- One index of listening_events where there were two: what a play is, the listener's latest plays first, also serves whoever
-- asks for plays of late or of some months. It saves a seventh of the event log.
CREATE UNIQUE INDEX listening_events_play ON listening_events (user_id, played_at DESC, track_id);
DROP INDEX listening_events_identity, listening_events_recent;
ALTER INDEX listening_events_play RENAME TO listening_events_identity;
