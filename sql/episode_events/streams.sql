-- One row per play that is not music and that the extended history tells. The statement around this one has its rows: a
-- relation named extended, with the content as track_id, as events/streams reads it.
SELECT kept.user_id, kept.played_at, kept.export_track_id, kept.ms_played, e.kind, kept.context_id
FROM ({events/streams}) AS kept
JOIN export_tracks AS e ON e.id = kept.export_track_id
