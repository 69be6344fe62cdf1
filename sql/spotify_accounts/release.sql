-- One row per other user who had these Spotify ids before.
UPDATE users
SET spotify_id         = CASE WHEN spotify_id <> %(spotify_id)s THEN spotify_id END,
    spotify_account_id = CASE WHEN spotify_account_id <> %(account_id)s THEN spotify_account_id END
WHERE id <> %(user_id)s
  AND (spotify_id = %(spotify_id)s OR spotify_account_id = %(account_id)s)
