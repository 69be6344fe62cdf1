-- One row per linked user whose top lists are due: never requested, or long enough ago for the user's activity. The
-- hour is a tolerance, because daily runs may be some seconds early or late.
SELECT auth.user_id, users.name
FROM spotify_auth AS auth
JOIN users ON users.id = auth.user_id
LEFT JOIN poll_states AS state ON state.user_id = auth.user_id
CROSS JOIN LATERAL (
    SELECT greatest(users.last_active_at, auth.authorized_at, state.last_played_at, max(event.played_at)) AS last_at
    FROM listening_events AS event
    WHERE event.user_id = users.id AND event.played_at >= %(now)s - interval '7 days'
) AS active
WHERE auth.is_valid
  AND (users.top_stats_refreshed_at IS NULL
       OR (active.last_at >= %(now)s - interval '48 hours'
           AND users.top_stats_refreshed_at <= %(now)s - interval '24 hours' + interval '1 hour')
       OR (active.last_at >= %(now)s - interval '7 days'
           AND users.top_stats_refreshed_at <= %(now)s - interval '72 hours' + interval '1 hour'))
ORDER BY users.top_stats_refreshed_at NULLS FIRST, users.name
