-- One row: the state of a user whose poll failed.
UPDATE poll_states
SET next_poll_at = %(next_poll_at)s, consecutive_failures = consecutive_failures + 1, last_error = %(error)s,
    is_refused = %(is_refused)s
WHERE user_id = %(user_id)s
