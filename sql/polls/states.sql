-- One row per linked user: the state of the user's polls.
SELECT auth.user_id, users.name, state.last_polled_at, state.next_poll_at, state.last_success_at, state.last_played_at,
       coalesce(state.consecutive_failures, 0) AS consecutive_failures, state.last_error,
       coalesce(state.is_refused, false) AS is_refused,
       (SELECT count(*) FROM possible_gaps AS gap WHERE gap.user_id = auth.user_id)::integer AS possible_gaps
FROM spotify_auth AS auth
JOIN users ON users.id = auth.user_id
LEFT JOIN poll_states AS state ON state.user_id = auth.user_id
WHERE auth.is_valid
ORDER BY users.name
