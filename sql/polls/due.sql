-- One row per linked user who is due for a poll now, the longest overdue first.
-- After a login, a user whose poll failed is due again. After a clock was set back, so is a user whose last poll is in
-- the future.
SELECT auth.user_id, users.name
FROM spotify_auth AS auth
JOIN users ON users.id = auth.user_id
LEFT JOIN poll_states AS state ON state.user_id = auth.user_id
WHERE auth.is_valid
  AND (state.user_id IS NULL
       OR state.last_polled_at > %(now)s + interval '1 minute'
       OR (state.last_polled_at <= %(now)s - %(cooldown)s::interval
           AND (state.next_poll_at <= %(now)s
                OR (state.last_error IS NOT NULL AND auth.authorized_at > state.last_polled_at))))
ORDER BY state.next_poll_at NULLS FIRST, users.name
