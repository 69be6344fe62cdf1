-- One row per event of the months that is called a skip and is none, or the other way round.
UPDATE listening_events
SET is_skip = ms_played < 30000
WHERE user_id = %(user_id)s AND is_skip <> (ms_played < 30000)
  AND date_trunc('month', played_at AT TIME ZONE 'UTC')::date = ANY (%(months)s::date[])
