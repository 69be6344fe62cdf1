-- One row per event of the user-month that an export, or another showing, places elsewhere now: the months that it
-- leaves and enters. The event keeps its id and created_at.
UPDATE listening_events AS event
SET track_id = moved.new_track_id, played_at = moved.new_played_at, ms_played = moved.ms_played, source = moved.source,
    is_estimated = moved.is_estimated, is_skip = moved.ms_played < %(skip_below_ms)s, context_id = moved.context_id
FROM ({events/moved}) AS moved
WHERE event.id = moved.id AND event.played_at = moved.played_at
  AND event.played_at >= %(near_start)s AND event.played_at < %(near_end)s
  AND (moved.played_at >= %(starts_at)s AND moved.played_at < %(ends_at)s
       OR moved.new_played_at >= %(starts_at)s AND moved.new_played_at < %(ends_at)s)
RETURNING date_trunc('month', moved.played_at)::date, date_trunc('month', moved.new_played_at)::date
