-- plain_events: one row per event that the plain months should have.
INSERT INTO plain_events (track_id, played_at, ms_played, context_id)
SELECT track_id, played_at, ms_played, context_id
FROM ({events/plain}) AS plain
ORDER BY played_at, track_id
