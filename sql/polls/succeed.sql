-- One row: the state of a user whose poll succeeded.
UPDATE poll_states
SET next_poll_at = %(next_poll_at)s,
    last_success_at = last_polled_at,
    last_played_at = greatest(last_played_at, %(last_played_at)s),
    seconds_per_play = %(seconds_per_play)s,
    consecutive_failures = 0,
    last_error = NULL,
    is_refused = false
WHERE user_id = %(user_id)s
