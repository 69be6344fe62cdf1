-- One row per event that the user-months have; if it moves, as that of its new track at its new instant.
SELECT event.id, event.user_id, coalesce(moved.track_id, event.track_id) AS track_id,
       coalesce(moved.played_at, event.played_at) AS played_at, event.created_at, event.ms_played, event.source,
       event.is_estimated, event.context_id, moved.id IS NOT NULL AS is_moved
FROM listening_events AS event
JOIN derived_user_months USING (user_id)
LEFT JOIN moved_events AS moved ON moved.id = event.id
WHERE event.played_at >= %(starts_at)s AND event.played_at < %(ends_at)s
