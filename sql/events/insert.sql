-- One row per event that the user-month lacks.
INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip, context_id)
SELECT %(user_id)s, d.track_id, d.played_at, d.ms_played, d.source, d.is_estimated, d.ms_played < %(skip_below_ms)s,
       d.context_id
FROM desired_events AS d
WHERE NOT EXISTS (SELECT FROM listening_events AS known
                  WHERE known.user_id = %(user_id)s AND known.track_id = d.track_id AND known.played_at = d.played_at
                    AND known.played_at >= %(starts_at)s AND known.played_at < %(ends_at)s)
ORDER BY d.played_at, d.track_id
