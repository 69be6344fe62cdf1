-- One row per event of a polled play that an extended row gives exactly now: the months that it leaves and enters. The
-- event keeps its id and created_at.
UPDATE listening_events AS event
SET played_at = m.exported_played_at, ms_played = m.ms_played, source = 'IMPORT', is_estimated = false,
    is_skip = m.ms_played < %(skip_below_ms)s
FROM matched_plays AS m
WHERE NOT m.by_minute
  AND (m.polled_played_at >= %(starts_at)s AND m.polled_played_at < %(ends_at)s
       OR m.exported_played_at >= %(starts_at)s AND m.exported_played_at < %(ends_at)s)
  AND m.polled_played_at <> m.exported_played_at
  AND event.user_id = %(user_id)s AND event.track_id = m.polled_track_id AND event.played_at = m.polled_played_at
  AND event.played_at >= %(near_start)s AND event.played_at < %(near_end)s
  AND NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = %(user_id)s AND known.track_id = m.exported_track_id
                    AND known.played_at = m.exported_played_at
                    AND known.played_at >= %(near_start)s AND known.played_at < %(near_end)s)
RETURNING date_trunc('month', m.polled_played_at)::date, date_trunc('month', m.exported_played_at)::date
