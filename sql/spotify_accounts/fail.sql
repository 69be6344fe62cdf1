-- At most one row: an account after one more authorization failure. The last permitted failure ends it.
UPDATE spotify_auth
SET consecutive_failures   = consecutive_failures + 1,
    is_valid               = is_valid AND consecutive_failures + 1 < %(allowed)s,
    last_failure_at        = %(now)s,
    last_failure_reason    = %(reason)s
WHERE user_id = %(user_id)s
RETURNING is_valid
