-- One row: the user with the ids of the Spotify account. An account id that Spotify did not send stays, unless the
-- account is another one.
UPDATE users
SET spotify_id         = %(spotify_id)s,
    spotify_account_id = coalesce(%(account_id)s, CASE WHEN spotify_id = %(spotify_id)s THEN spotify_account_id END),
    display_name       = %(display_name)s
WHERE id = %(user_id)s
