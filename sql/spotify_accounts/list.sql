-- One row per linked Spotify account; of one user, if one is named.
SELECT users.id AS user_id, users.name, users.display_name, users.spotify_id,
       auth.is_valid, auth.scopes, auth.authorized_at, auth.authorization_ends_at,
       auth.consecutive_failures, auth.last_failure_reason, poll_states.last_success_at AS last_synced_at
FROM spotify_auth AS auth
JOIN users ON users.id = auth.user_id
LEFT JOIN poll_states ON poll_states.user_id = users.id
WHERE %(user_id)s::bigint IS NULL OR auth.user_id = %(user_id)s
ORDER BY users.name
