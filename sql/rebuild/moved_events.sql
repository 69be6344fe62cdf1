-- moved_events: one row per event of the user-month whose play has another place now than while it was only shown.
INSERT INTO moved_events (id, track_id, played_at)
SELECT id, new_track_id, new_played_at
FROM ({events/moved}) AS moved
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
  AND new_played_at >= %(starts_at)s AND new_played_at < %(ends_at)s
