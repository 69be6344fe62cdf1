-- At most one row: an account that needs a new login.
UPDATE spotify_auth
SET is_valid                = false,
    consecutive_failures    = consecutive_failures + 1,
    last_failure_at         = %(now)s,
    last_failure_reason     = %(reason)s,
    access_token_encrypted  = NULL,
    access_token_expires_at = NULL
WHERE user_id = %(user_id)s
