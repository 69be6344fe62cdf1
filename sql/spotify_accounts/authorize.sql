-- One row: the new authorization of a user, in place of any earlier one.
INSERT INTO spotify_auth AS auth (user_id, refresh_token_encrypted, access_token_encrypted, access_token_expires_at,
    scopes, authorized_at, last_refresh_at)
VALUES (%(user_id)s, %(refresh_token)s, %(access_token)s, %(access_token_expires_at)s, %(scopes)s, %(now)s, %(now)s)
ON CONFLICT (user_id) DO UPDATE
SET refresh_token_encrypted = excluded.refresh_token_encrypted,
    access_token_encrypted  = excluded.access_token_encrypted,
    access_token_expires_at = excluded.access_token_expires_at,
    scopes                  = excluded.scopes,
    authorized_at           = excluded.authorized_at,
    last_refresh_at         = excluded.last_refresh_at,
    is_valid                = true,
    consecutive_failures    = 0,
    last_failure_at         = NULL,
    last_failure_reason     = NULL
