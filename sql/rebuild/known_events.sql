-- One row per event that the user-months have; if it moves, at the instant to which it moves.
SELECT event.id, event.user_id, event.track_id, coalesce(moved.played_at, event.played_at) AS played_at,
       event.created_at, event.ms_played, event.source, event.is_estimated, moved.id IS NOT NULL AS is_moved
FROM listening_events AS event
JOIN derived_user_months USING (user_id)
LEFT JOIN moved_events AS moved ON moved.id = event.id
WHERE event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
