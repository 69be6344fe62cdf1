-- At most one row: a user's tokens after a refresh. Values that are missing from Spotify's reply stay unchanged.
UPDATE spotify_auth
SET refresh_token_encrypted = coalesce(%(refresh_token)s, refresh_token_encrypted),
    scopes                  = coalesce(%(scopes)s, scopes),
    access_token_encrypted  = %(access_token)s,
    access_token_expires_at = %(access_token_expires_at)s,
    last_refresh_at         = %(now)s
WHERE user_id = %(user_id)s
