-- One row per event of the user-month that the sources give differently now: whether a better source has it.
UPDATE listening_events AS event
SET ms_played = d.ms_played, source = d.source, is_estimated = d.is_estimated,
    is_skip = d.ms_played < %(skip_below_ms)s, context_id = d.context_id
FROM desired_events AS d, listening_events AS old
WHERE event.user_id = %(user_id)s AND event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
  AND event.track_id = d.track_id AND event.played_at = d.played_at
  AND old.id = event.id AND old.played_at = event.played_at
  AND old.played_at >= %(starts_at)s AND old.played_at < %(ends_at)s
  AND (event.ms_played, event.source, event.is_estimated, event.is_skip, event.context_id)
      IS DISTINCT FROM (d.ms_played, d.source, d.is_estimated, d.ms_played < %(skip_below_ms)s, d.context_id)
RETURNING old.is_estimated AND NOT d.is_estimated
