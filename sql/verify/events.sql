-- One row per event of a user-month that differs from what has landed: the difference, when, and the track.
SELECT CASE WHEN e.track_id IS NULL THEN 'missing' WHEN d.track_id IS NULL THEN 'surplus' ELSE 'different' END AS kind,
       played_at, track_id, (SELECT name FROM tracks WHERE tracks.id = track_id) AS track
FROM desired_events AS d
FULL JOIN (SELECT track_id, played_at, ms_played, source, is_estimated, is_skip, context_id
           FROM listening_events
           WHERE user_id = %(user_id)s AND played_at >= %(starts_at)s AND played_at < %(ends_at)s
          ) AS e USING (track_id, played_at)
WHERE (d.ms_played, d.source, d.is_estimated, d.ms_played < %(skip_below_ms)s, d.context_id)
      IS DISTINCT FROM (e.ms_played, e.source, e.is_estimated, e.is_skip, e.context_id)
ORDER BY played_at, track_id
