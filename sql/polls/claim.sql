-- At most one row: the user, if a poll is permitted and no other process has begun one. The user is due again after the
-- cooldown, in case the process dies before it sets the next time.
INSERT INTO poll_states AS state (user_id, last_polled_at, next_poll_at)
VALUES (%(user_id)s, %(now)s, %(now)s + %(cooldown)s::interval)
ON CONFLICT (user_id) DO UPDATE SET last_polled_at = excluded.last_polled_at, next_poll_at = excluded.next_poll_at
WHERE state.last_polled_at > %(now)s + interval '1 minute' -- the clock was set back
   OR (state.last_polled_at <= %(now)s - %(cooldown)s::interval
       AND (%(on_demand)s
            OR state.next_poll_at <= %(now)s
            OR (state.last_error IS NOT NULL
                AND EXISTS (SELECT FROM spotify_auth AS auth
                            WHERE auth.user_id = state.user_id AND auth.authorized_at > state.last_polled_at))))
RETURNING user_id
