-- One row per user: plays, and when a poll last worked.
SELECT users.name, users.total_play_count AS plays, state.last_success_at
FROM users
LEFT JOIN poll_states AS state ON state.user_id = users.id
ORDER BY users.name
